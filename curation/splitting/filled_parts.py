"""Families that go to dev or sealed beside those that their lots send there: for a part that would
be too small, and for kinds of questions that it would lack.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from curation.curation_settings import CurateParams
from curation.kin.kinship import FAMILY_SHARE, LARGEST_FAMILY
from curation.splitting.lots import side, thinned
from project.records.data import Row, Split

LEAST_SHARE, MOST_SHARE = 0.6, 1.1  # of the wanted size of a part
FEW = 3  # items of a kind of question, in each part
LEAST_LEFT = 0.3  # of a kind's families that stay in training
PARTS = (Split.SEALED, Split.DEV)

Kinds = Mapping[str, Collection[str]]  # by a row's id


@dataclass(frozen=True)
class Family:
    name: str
    lot: float
    rows: int
    kinds: frozenset[str]  # of questions, that most of its rows are of


@dataclass
class Dealing:
    """Families of training that could be items, in the order of taking, and what each part has."""

    params: CurateParams
    free: list[Family]
    wanted: dict[Split, float]  # rows
    rows: dict[Split, int]
    items: dict[Split, Counter[str]]  # rows of each kind
    left: Counter[str]  # families of each kind in training
    lots: dict[str, float] = field(default_factory=dict)  # of those that were taken

    def take(self, part: Split, family: Family) -> None:
        self.free.remove(family)
        self.rows[part] += family.rows
        self.left.subtract(family.kinds)
        self.items[part].update(dict.fromkeys(family.kinds, family.rows))
        self.lots[family.name] = 0.0 if part is Split.SEALED else self.params.sealed_share

    def filled(self, part: Split) -> float:
        """Of what is wanted of it."""
        return self.rows[part] / max(self.wanted[part], 1)


def filled(
    every: Sequence[Row],
    lots: Mapping[str, float],
    params: CurateParams,
    kinds: Kinds,
    cut: Collection[str] = (),
) -> dict[str, float]:
    """The lots of all families, so that dev and sealed have most of their shares of the rows, and a
    few items of each kind that has families enough.

    Families of the lowest lots go first, small ones before those of many rows and those that were
    `cut` out of a larger one, which drive others out of training. None leaves dev or
    sealed, and none goes there with a row for training only, or with surplus rows: these would be
    trained on as soon as what ties them to an item is left out. A part with a limit stays as the
    lots have it: its spare rows would be trained on once it is frozen.
    """
    limits = {Split.SEALED: params.sealed, Split.DEV: params.dev}
    parts = [part for part in PARTS if limits[part] is None]
    rows = list(thinned(every, params))
    surplus = Counter(row.group for row in every) - Counter(row.group for row in rows)
    families = families_of(rows, lots, kinds, cut)
    count = sum(family.rows for family in families)
    of = {part: [f for f in families if side(f.lot, params) is part] for part in Split}
    dealing = Dealing(
        params=params,
        free=[family for family in of[Split.TRAIN] if family.name not in surplus],
        wanted={Split.SEALED: params.sealed_share * count, Split.DEV: params.dev_share * count},
        rows={part: sum(family.rows for family in of[part]) for part in PARTS},
        items={part: rows_of_kinds(of[part]) for part in PARTS},
        left=families_of_kinds(of[Split.TRAIN]),
    )
    cover_kinds(dealing, parts, families_of_kinds(families))
    fill_parts(dealing, parts)
    return dict(lots) | dealing.lots


def families_of(
    rows: Sequence[Row], lots: Mapping[str, float], kinds: Kinds, cut: Collection[str]
) -> list[Family]:
    """Those that may be in any part, in the order in which they are taken."""
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(row.group, []).append(row)
    large = max(LARGEST_FAMILY, FAMILY_SHARE * len(rows))
    found = [
        Family(name, lots[name], len(own), usual_kinds(own, kinds))
        for name, own in members.items()
        if lots[name] < 1
    ]
    return sorted(
        found,
        key=lambda family: (family.name in cut, family.rows > large, family.lot, family.name),
    )


def usual_kinds(rows: Sequence[Row], kinds: Kinds) -> frozenset[str]:
    counts = Counter(kind for row in rows for kind in kinds.get(row.id, ()))
    return frozenset(kind for kind, count in counts.items() if 2 * count >= len(rows))


def families_of_kinds(families: Sequence[Family]) -> Counter[str]:
    return Counter(kind for family in families for kind in family.kinds)


def rows_of_kinds(families: Sequence[Family]) -> Counter[str]:
    found = Counter[str]()
    for family in families:
        found.update(dict.fromkeys(family.kinds, family.rows))
    return found


def cover_kinds(dealing: Dealing, parts: Sequence[Split], families: Counter[str]) -> None:
    """A few items of each kind, while a third of its families stays in training, and no part is
    much larger than is wanted.
    """

    def is_scarce(kind: str) -> bool:
        return dealing.left[kind] - 1 < LEAST_LEFT * families[kind]

    for part in parts:
        for family in list(dealing.free):
            if dealing.filled(part) >= MOST_SHARE:
                break
            lacks = any(dealing.items[part][kind] < FEW for kind in family.kinds)
            if lacks and not any(map(is_scarce, family.kinds)):
                dealing.take(part, family)


def fill_parts(dealing: Dealing, parts: Sequence[Split]) -> None:
    """The part that lacks most takes the next family that is not too large for it. One without any
    row takes whatever there is.
    """
    lacking = set(parts)
    while lacking := {part for part in lacking if dealing.filled(part) < LEAST_SHARE}:
        part = min(parts, key=lambda part: (part not in lacking, dealing.filled(part)))
        fit = (family for family in dealing.free if family.rows <= dealing.wanted[part])
        whatever = iter([] if dealing.filled(part) else dealing.free[1:])  # one stays in training
        family = next(fit, None) or next(whatever, None)
        if family:
            dealing.take(part, family)
        else:
            lacking.remove(part)
