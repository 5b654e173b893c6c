"""All facts of a text, in their order."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from evaluation.metrics.facts.dates import (
    days_of_month,
    lone_parts,
    numeric_dates,
    times,
    worded_dates,
)
from evaluation.metrics.facts.digit_groups import digit_groups
from evaluation.metrics.facts.durations import rates, spans
from evaluation.metrics.facts.fact import Fact
from evaluation.metrics.facts.folded_text import blanked, folded
from evaluation.metrics.facts.names import identifiers, names
from evaluation.metrics.facts.quantities import quantities

# In this order: what one of them took, the next does not see.
FINDERS: tuple[Callable[[str], Iterator[Fact]], ...] = (
    identifiers,
    numeric_dates,
    digit_groups,
    days_of_month,
    worded_dates,
    times,
    spans,
    quantities,
    lone_parts,
    rates,
    names,
)


# "1." and "2)" at the begin of lines count the lines of a list, and say nothing.
LIST_NUMBER = re.compile(r"^[ \t]*\(?\d{1,2}[.)](?=[ \t]+\S)", re.MULTILINE)


def find_facts(text: str, *, doubtful: bool = False) -> tuple[Fact, ...]:
    """The facts of a text by where they begin. No two overlap.

    With `doubtful`, those too that may be none. Takes time linear in the length of the text.
    """
    found: list[Fact] = []
    unread = without_list_numbers(folded(text))
    for finder in FINDERS:
        new = apart(finder(unread))
        unread = blanked(unread, [(fact.start, fact.end) for fact in new])
        found += new
    kept = [fact for fact in found if doubtful or not fact.doubtful]
    kept = [replace(fact, text=text[fact.start : fact.end]) for fact in kept]
    return tuple(sorted(kept, key=lambda fact: fact.start))


def without_list_numbers(text: str) -> str:
    spans = [match.span() for match in LIST_NUMBER.finditer(text)]
    return blanked(text, spans) if len(spans) > 1 else text


def apart(found: Iterable[Fact]) -> list[Fact]:
    """By where they begin, without those that overlap the one before."""
    kept: list[Fact] = []
    for fact in sorted(found, key=lambda fact: fact.start):
        if not kept or kept[-1].end <= fact.start:
            kept.append(fact)
    return kept
