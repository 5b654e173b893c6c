"""A text with its facts, to be asked whether it says a fact too."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property

from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.find_facts import find_facts
from evaluation.metrics.facts.folded_text import BLANK, blanked, folded
from evaluation.metrics.facts.same_name import NameText


class TextFacts:
    """The facts of `text`; those that may be none count where it is asked, and ask for nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = find_facts(text, doubtful=True)
        self.certain = [fact for fact in self.all if not fact.doubtful]
        self.often = Counter(said for fact in self.all for said in all_said(fact))

    @cached_property
    def names(self) -> NameText:
        return NameText(folded(self.text), [fact for fact in self.all if fact.kind == "name"])

    @cached_property
    def without_facts(self) -> str:
        """The text with a number where each fact was."""
        spans = [(fact.start, fact.end) for fact in self.certain]
        return blanked(folded(self.text), spans).replace(BLANK, "0")

    def says(self, fact: Fact) -> bool:
        return self.names.has(fact) if fact.kind == "name" else self.count(fact) > 0

    def count(self, fact: Fact) -> int:
        """How often it says this, or more than this."""
        if fact.kind == "name":
            return self.names.count(fact)
        return max(self.often[reading] for reading in fact.readings)


def all_said(fact: Fact) -> set[str]:
    return {said for reading in fact.readings for said in coarser(reading)}


def coarser(reading: str) -> Iterator[str]:
    """All that a reading says: 3 March 2024 is in March, in 2024, and on a third of March."""
    yield reading
    year, *rest = reading.split("-") if reading[:4].isdigit() else ("", *reading[2:].split("-"))
    if rest and (reading[4:5] == "-" or reading.startswith("--")):
        month = rest[0]
        yield from (f"--{'-'.join(rest)}", f"--{month}")
        yield from (year, f"{year}-{month}") if year else ()
