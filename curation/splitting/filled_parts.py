"""Families that go to dev or sealed beside those that their lots send there: for a part that would
be too small, and for kinds of questions that it would lack.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from curation.curation_settings import CurateParams
from curation.splitting.kinship import FAMILY_SHARE, LARGEST_FAMILY
from curation.splitting.lots import side
from project.records.data import Row, Split

LEAST_SHARE = 0.9  # of the wanted size of a part
FEW = 3  # items of a kind of question, in each part
LEAST_LEFT = 0.5  # of a kind's families that stay in training
PARTS = (Split.SEALED, Split.DEV)


@dataclass(frozen=True)
class Family:
    name: str
    lot: float
    rows: int
    kind: str | None  # that most of its rows are of


@dataclass
class Dealing:
    """Families of training that could be items, in the order of taking, and what each part has."""

    params: CurateParams
    free: list[Family]
    wanted: dict[Split, float]  # rows
    items: dict[Split, Counter[str | None]]  # rows of each kind
    left: Counter[str | None]  # families of each kind in training
    lots: dict[str, float] = field(default_factory=dict)  # of those that were taken

    def take(self, part: Split, family: Family) -> None:
        self.free.remove(family)
        self.left[family.kind] -= 1
        self.items[part][family.kind] += family.rows
        self.lots[family.name] = 0.0 if part is Split.SEALED else self.params.sealed_share

    def filled(self, part: Split) -> float:
        """Of what is wanted of it."""
        return self.items[part].total() / max(self.wanted[part], 1)


def filled(
    rows: Sequence[Row],
    lots: Mapping[str, float],
    params: CurateParams,
    kinds: Mapping[str, str],
) -> dict[str, float]:
    """The lots of all families, so that dev and sealed have nearly their shares of the rows, and a
    few items of each kind that has families enough. `kinds` is by the rows' ids.

    Families of the lowest lots go first, small ones before those of many rows. None leaves dev or
    sealed, and none with a row for training only goes there.
    """
    families = families_of(rows, lots, kinds)
    count = sum(family.rows for family in families)
    of = {part: [f for f in families if side(f.lot, params) is part] for part in Split}
    dealing = Dealing(
        params=params,
        free=of[Split.TRAIN],
        wanted={Split.SEALED: params.sealed_share * count, Split.DEV: params.dev_share * count},
        items={part: sized(of[part]) for part in PARTS},
        left=Counter(family.kind for family in of[Split.TRAIN]),
    )
    cover_kinds(dealing, Counter(family.kind for family in families))
    fill_parts(dealing)
    return dict(lots) | dealing.lots


def families_of(
    rows: Sequence[Row], lots: Mapping[str, float], kinds: Mapping[str, str]
) -> list[Family]:
    """Those that may be in any part, in the order in which they are taken."""
    sizes = Counter(row.group for row in rows)
    of_kind: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row.id in kinds:
            of_kind[row.group][kinds[row.id]] += 1
    large = max(LARGEST_FAMILY, FAMILY_SHARE * len(rows))
    found = [
        Family(name, lots[name], count, next(iter(of_kind[name].most_common(1)), (None,))[0])
        for name, count in sizes.items()
        if lots[name] < 1
    ]
    return sorted(found, key=lambda family: (family.rows > large, family.lot, family.name))


def sized(families: Sequence[Family]) -> Counter[str | None]:
    found = Counter[str | None]()
    for family in families:
        found[family.kind] += family.rows
    return found


def cover_kinds(dealing: Dealing, families: Counter[str | None]) -> None:
    """A few items of each kind, but half of its families stay in training."""
    for part in PARTS:
        for family in list(dealing.free):
            kind = family.kind
            enough = dealing.items[part][kind] >= FEW
            scarce = dealing.left[kind] <= LEAST_LEFT * families[kind]
            if kind is not None and not enough and not scarce:
                dealing.take(part, family)


def fill_parts(dealing: Dealing) -> None:
    """The part that lacks most takes the next family that is not too large for it. One without any
    row takes whatever there is.
    """
    lacking = set(PARTS)
    while lacking := {part for part in lacking if dealing.filled(part) < LEAST_SHARE}:
        part = min(PARTS, key=lambda part: (part not in lacking, dealing.filled(part)))
        fit = [family for family in dealing.free if family.rows <= dealing.wanted[part]]
        if not fit and not dealing.filled(part):
            fit = dealing.free[1:]  # one stays in training
        if fit:
            dealing.take(part, fit[0])
        else:
            lacking.remove(part)
