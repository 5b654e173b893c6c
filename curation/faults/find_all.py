"""The faults of many rows, all of one row before those of the next: they share looks at a text."""

from collections.abc import Mapping, Sequence
from functools import partial

from curation.faults.finder import Finder
from curation.many_rows import of_many
from project.records.data import Row

Found = tuple[str | None, ...]  # what each finder says of a row


def find_all(rows: Sequence[Row], faults: Mapping[str, Finder]) -> dict[str, list[str | None]]:
    """By the name of each fault, what is wrong with each row; None: nothing."""
    found = of_many(partial(found_by, tuple(faults.values())), rows)
    return {name: [own[i] for own in found] for i, name in enumerate(faults)}


def found_by(finders: Sequence[Finder], rows: Sequence[Row]) -> list[Found]:
    return [tuple(find(row) for find in finders) for row in rows]
