"""What an answer makes of the facts of its reference: it keeps, contradicts or omits each."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from evaluation.metrics.facts.fact import BLANK, Fact, blanked, folded
from evaluation.metrics.facts.find_facts import find_facts
from evaluation.metrics.facts.names import NameText, shape
from evaluation.metrics.facts.quantities import DURATIONS_KEPT_IN

# --- text facts -----------------------------------------------------------------------------------

# A text with its facts, to be asked whether it says a fact too.


class TextFacts:
    """The facts of `text`; those that may be none count where it is asked, and ask for nothing."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = find_facts(text, doubtful=True)
        self.certain = [fact for fact in self.all if not fact.doubtful]
        coarse = (
            {coarse_reading for reading in fact.readings for coarse_reading in coarser(reading)}
            for fact in self.all
        )
        self.often = Counter(reading for readings in coarse for reading in readings)

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


def coarser(reading: str) -> Iterator[str]:
    """All that a reading says: 3 March 2024 is in March, in 2024, and on a third of March."""
    yield reading
    year, *rest = reading.split("-") if reading[:4].isdigit() else ("", *reading[2:].split("-"))
    if rest and (reading[4:5] == "-" or reading.startswith("--")):
        month = rest[0]
        yield from (f"--{'-'.join(rest)}", f"--{month}")
        yield from (year, f"{year}-{month}") if year else ()


# --- compare facts --------------------------------------------------------------------------------


@dataclass(frozen=True)
class FactComparison:
    """The facts of the reference, each once, by what the answer makes of them.

    `added` are facts of the answer that the reference does not have and that stand in for none.
    """

    kept: tuple[Fact, ...]
    contradicted: tuple[Fact, ...]
    omitted: tuple[Fact, ...]
    added: tuple[Fact, ...]

    @property
    def asked(self) -> tuple[Fact, ...]:
        return self.kept + self.contradicted + self.omitted


def compare_facts(
    answer: TextFacts, reference: TextFacts, prompt: TextFacts | None = None
) -> FactComparison:
    """Compare by value: wording, order and format of the facts do not count.

    A fact is contradicted if the answer lacks it and has one of the same sort that neither the
    reference nor the prompt has: another amount, another day, another length of time. Each stands
    in for one alone. A name that the prompt has is not asked for: who repeats the question, or
    talks at length about it, has it by that alone. A figure of the prompt is, for it can be wrong.
    """
    given = prompt.says if prompt else lambda _: False
    asked = [f for f in distinct(reference.certain) if f.kind != "name" or not given(f)]
    stated = [fact for fact in asked if answer.says(fact)]
    lost = [fact for fact in asked if not answer.says(fact)]
    # What the reference says twice and the answer once may have been replaced at the other place.
    rarer = [fact for fact in stated if answer.count(fact) < reference.count(fact)]
    known = [text for text in (reference, prompt) if text]
    new = [fact for fact in distinct(answer.certain) if not any(text.says(fact) for text in known)]
    rivals = dict(paired([*lost, *rarer], new))
    used = set(rivals.values())
    return FactComparison(
        kept=tuple(fact for fact in stated if fact not in rivals),
        contradicted=tuple(rivals),
        omitted=tuple(fact for fact in lost if fact not in rivals),
        added=tuple(fact for fact in new if fact not in used),
    )


def paired(lost: Iterable[Fact], new: Iterable[Fact]) -> Iterator[tuple[Fact, Fact]]:
    """Each lost fact with the new one that stands in for it, as long as there are any."""
    waiting: dict[str, deque[Fact]] = defaultdict(deque)
    for fact in new:
        waiting[sort(fact)].append(fact)
    for fact in lost:
        if waiting[sort(fact)]:
            yield fact, waiting[sort(fact)].popleft()


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    return list({fact.value: fact for fact in facts}.values())


def sort(fact: Fact) -> str:
    """Facts of one sort stand in for each other."""
    if fact.kind == "number":
        return f"number {fact.unit}"
    if fact.kind == "name":
        return shape(fact.text)
    if fact.kind != "date":
        return fact.kind
    if fact.unit in DURATIONS_KEPT_IN:
        return "duration"
    if fact.unit:
        return "rate"
    if fact.value.startswith("T"):
        return "time"
    return "weekday" if fact.value.isalpha() else "day"
