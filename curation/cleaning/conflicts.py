"""One prompt with several answers: which of them stay."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from curation.curation_settings import Conflicts
from project.records.data import Row
from project.unicode_words import folded


def question(row: Row) -> str:
    """A prompt as people would call it the same: case, blanks and what is not seen left aside."""
    return " ".join(folded(row.prompt_text).casefold().split())


def conflicting(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows that share a prompt and not its answer, a list for each prompt, in their order."""
    ordered = sorted(rows, key=question)  # stable: rows of one prompt stay in their order
    together = (list(same) for _, same in groupby(ordered, key=question))
    return [same for same in together if len({row.completion_text for row in same}) > 1]


CHOICES: dict[Conflicts, Callable[[Sequence[Row]], Row]] = {
    "newest": lambda rows: rows[-1],
    "longest": lambda rows: max(rows, key=lambda row: len(row.completion_text)),
}


def settle(rows: Sequence[Row], policy: Conflicts) -> list[Row]:
    """The rows without those that a policy does not choose. "keep" and "refuse" leave all.

    The newest is the last one of the sources; of equally long answers the first one stays.
    """
    if policy not in CHOICES:
        return list(rows)
    gone = {
        row.id for same in conflicting(rows) for row in same if row is not CHOICES[policy](same)
    }
    return [row for row in rows if row.id not in gone]
