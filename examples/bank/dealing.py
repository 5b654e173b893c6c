"""Which rows the project begins with, and which wait for the second round.

Curation deals rows by the lot of their group, which is a function of the group's name. So what is
asked about facts of the documents alone gets a group whose lot makes it an item, as curation knows
no source of items only; and of the other rows those are taken whose lots fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle

from curation.curation_settings import CurateParams, lot
from curation.families import side
from examples.bank.rows import Triplet
from examples.bank.second_round import ROWS
from project.item_prompts import asking_an_item
from project.records.data import Split


@dataclass(frozen=True)
class Sizes:
    """Rows of each part; those about the documents come beside the items."""

    train: int = 480  # at most: so many that the reserve remains
    dev: int = 50
    sealed: int = 98
    reserve: int = ROWS  # for the second round, less those that ask what an item asks


@dataclass(frozen=True)
class DealtRow:
    row: Triplet
    group: str
    part: Split


@dataclass(frozen=True)
class Dealt:
    """The project's rows, and those that are kept for the second round: none of them is an item or
    asks what one asks.
    """

    project: list[DealtRow]
    reserve: list[Triplet]

    @property
    def taught(self) -> list[Triplet]:
        """The rows for training."""
        return [one.row for one in self.project if one.part is Split.TRAIN]


def deal(
    rows: Sequence[Triplet], of_documents: Sequence[Triplet], params: CurateParams, sizes: Sizes
) -> Dealt:
    """Pure. Every item but those about the documents asks for what a training row states too."""
    ordered = sorted(rows, key=lambda row: lot(params.seed, row.id))
    by_part = {part: [r for r in ordered if part_of(r.id, params) is part] for part in Split}
    count = min(sizes.train, len(by_part[Split.TRAIN]) - sizes.reserve)
    train, reserve = by_part[Split.TRAIN][:count], by_part[Split.TRAIN][count:]
    taught = {row.about for row in train}
    limits = {Split.DEV: sizes.dev, Split.SEALED: sizes.sealed}
    items = [
        DealtRow(row, row.id, part)
        for part, limit in limits.items()
        for row in [row for row in by_part[part] if row.about in taught][:limit]
    ]
    items += dealt_of_documents(of_documents, params)
    project = [DealtRow(row, row.id, Split.TRAIN) for row in train]
    return Dealt([*project, *items], apart(reserve, [item.row for item in items]))


def apart(rows: Sequence[Triplet], items: Sequence[Triplet]) -> list[Triplet]:
    """The rows that ask what no item asks: as training rows, the others would pull items there."""
    same = asking_an_item([row.prompt for row in rows], [one.as_row() for one in items])
    return [row for i, row in enumerate(rows) if i not in same]


def dealt_of_documents(rows: Sequence[Triplet], params: CurateParams) -> Iterator[DealtRow]:
    """Two of three go to sealed, one to dev."""
    parts = cycle((Split.SEALED, Split.DEV, Split.SEALED))
    for row, part in zip(rows, parts, strict=False):
        names = (f"{row.id}.{number}" for number in count())
        yield DealtRow(row, next(n for n in names if part_of(n, params) is part), part)


def part_of(group: str, params: CurateParams) -> Split:
    return side(lot(params.seed, group), params)
