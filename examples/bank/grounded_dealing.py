"""Which grounded rows the project begins with, and which wait for the second round."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from curation.curation_settings import CurateParams
from curation.kinship import families_of_kin
from examples.bank.dealing import Dealt, DealtRow, part_of
from examples.bank.rows import Triplet
from project.records.data import Split

Kind = tuple[bool | None, bool]  # whether it is answerable, and of a document that nobody trains on


@dataclass(frozen=True)
class GroundedSizes:
    """Items of each kind, at least as far as whole families allow; and rows of the rest."""

    items: Mapping[Split, Mapping[Kind, int]]
    train: int
    reserve: int  # for the second round


USUAL = GroundedSizes(
    items={
        Split.DEV: {(True, True): 52, (False, True): 14, (True, False): 64, (False, False): 30},
        Split.SEALED: {(True, True): 66, (False, True): 18, (True, False): 80, (False, False): 38},
    },
    train=10_000,  # more than there are
    reserve=150,
)
# The story in small: too few items to promote anything.
BRIEF = GroundedSizes(
    items={
        Split.DEV: {(True, True): 4, (False, True): 2, (True, False): 4, (False, False): 2},
        Split.SEALED: {(True, True): 4, (False, True): 2, (True, False): 4, (False, False): 2},
    },
    train=32,
    reserve=12,
)


def deal_grounded(rows: Sequence[Triplet], params: CurateParams, sizes: GroundedSizes) -> Dealt:
    """Pure. Families of kin are dealt whole, as curation would have it: to the part that lacks most
    of what they hold, those of unseen documents first and to no training.
    """
    lacking = {part: Counter(kinds) for part, kinds in sizes.items.items()}
    items: list[DealtRow] = []
    left: list[list[Triplet]] = []
    for family in sorted(families(rows), key=lambda own: not any(one.unseen for one in own)):
        held = Counter((one.answerable, one.unseen) for one in family)
        gains = {part: sum((lacks & held).values()) for part, lacks in lacking.items()}
        part = max(gains, key=lambda one: gains[one] / sum(sizes.items[one].values()))
        if gains[part] >= len(family) / 2:
            items += placed(family, part, params)
            lacking[part] -= held
        elif not any(one.unseen for one in family):
            left.append(family)
    whole = [one for family in left for one in family]
    room = min(sizes.train, len(whole) - sizes.reserve)
    train, reserve = set(whole[:room]), whole[room : room + sizes.reserve]
    for family in left:
        items += placed([one for one in family if one in train], Split.TRAIN, params)
    return Dealt(items, reserve)


def families(rows: Sequence[Triplet]) -> list[list[Triplet]]:
    names = families_of_kin([one.as_row() for one in rows]).names
    found: dict[str, list[Triplet]] = {}
    for one, name in zip(rows, names, strict=True):
        found.setdefault(name, []).append(one)
    return list(found.values())


def placed(family: Sequence[Triplet], part: Split, params: CurateParams) -> list[DealtRow]:
    """All under one group, whose lot makes it of that part."""
    if not family:
        return []
    names = (f"{family[0].id}.{number}" for number in count())
    group = next(name for name in names if part_of(name, params) is part)
    return [DealtRow(one, group, part) for one in family]
