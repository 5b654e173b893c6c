"""Kin are dealt whole: families of rows, cut where they are too large, in lots to their parts."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from curation.account import NEAR_FROZEN
from curation.curation_settings import CurateParams, lot
from curation.document_split import dealt_families, is_dealt_by_group
from curation.kinship import FAMILY_SHARE, LARGEST_FAMILY
from project.records.data import ACCEPTED, Row, Split

# --- lots -----------------------------------------------------------------------------------------

# The lots of families of rows, functions of their names and the seed alone, and whole families
# dealt by them.


def side(lot: float, params: CurateParams) -> Split:
    """Low lots are sealed, high ones train: see `draw` for this order."""
    if lot < params.sealed_share:
        return Split.SEALED
    return Split.DEV if lot < params.sealed_share + params.dev_share else Split.TRAIN


def draw(
    rows: Sequence[Row], groups: Sequence[str], params: CurateParams
) -> tuple[dict[str, float], list[Row]]:
    """The lot of each family, and the rows with their family as group."""
    pairs = zip(rows, groups, strict=True)
    named = [row.model_copy(update={"group": family}) for row, family in pairs]
    return family_lots(rows, groups, params), named


def family_lots(
    rows: Sequence[Row], groups: Sequence[str], params: CurateParams
) -> dict[str, float]:
    """The lot of each family.

    A family has the highest lot of its groups. So as the data grow and families merge, a row keeps
    its side or moves towards training: what a champion was trained on is never an eval item. A row
    for training only takes its family there.
    """
    lots: dict[str, float] = {}
    for row, family in zip(rows, groups, strict=True):
        lots[family] = max(lots.get(family, 0.0), row_lot(row, params))
    return lots


def row_lot(row: Row, params: CurateParams) -> float:
    """That of its group. Where a row is for training only, or a scenario, which is for evaluation
    only, it is one that `side` sends there.
    """
    if row.scenario:
        return lot(params.seed, row.group) * (params.sealed_share + params.dev_share)
    return 1.0 if row.source in params.train_only else lot(params.seed, row.group)


def thinned(rows: Iterable[Row], params: CurateParams) -> Iterator[Row]:
    """Pass on at most max_per_group rows of a group: those for training only, then by lots. The
    rows of a document are no near-duplicates: all of them stay.
    """
    taken: Counter[str] = Counter()
    trained = params.train_only
    for row in sorted(rows, key=lambda r: (r.source not in trained, lot(params.seed, r.id))):
        taken[row.group] += 1
        most = None if is_dealt_by_group(row, params) else params.max_per_group
        if most is None or taken[row.group] <= most:
            yield row


def split(
    rows: Iterable[Row],
    lots: Mapping[str, float],
    params: CurateParams,
    items: Iterable[tuple[Row, Split]] = (),
    closed: Collection[Split] = (),
) -> dict[Split, list[Row]]:
    """Deal whole groups by their lots, then take the asked number of rows of each part.

    Frozen items come first, in their order, and are all taken; a closed part takes no others. The
    limits are for rows that nobody had to accept.
    """
    held = list(items)
    parts = {part: [row for row, held_in in held if held_in is part] for part in Split}
    least = {part: len(frozen) for part, frozen in parts.items()}
    extra = {p: sum(row.source == ACCEPTED for row in frozen) for p, frozen in parts.items()}
    for row in rows:
        part = side(lots[row.group], params)
        if part not in closed:
            parts[part].append(row)
    limits = {Split.DEV: params.dev, Split.SEALED: params.sealed}
    return {
        part: chosen[: max(least[part], (limits.get(part) or len(chosen)) + extra[part])]
        for part, chosen in parts.items()
    }


def largest(rows: Sequence[Row]) -> list[Row]:
    """The rows of the largest group."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return max(groups.values(), key=len, default=[])


# --- families -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Families:
    """Rows with their family as group."""

    lots: dict[str, float]  # by family
    cut: frozenset[str]  # families that are parts of a larger one
    items: list[tuple[Row, Split]]  # frozen ones
    free: list[Row]  # of families without such an item
    tied: dict[str, str]  # why the others go, by their ids: others between tie them to an item

    def side(self, row: Row, params: CurateParams) -> Split:
        return side(self.lots[row.group], params)


def families(
    items: Sequence[tuple[Row, Split]],
    near: Sequence[Row],
    rows: Sequence[Row],
    params: CurateParams,
    accepted: Sequence[Row] = (),
) -> Families:
    """The families of frozen items and other rows; `near` are rows that were left out for an item,
    `accepted` those that somebody accepted and that are no items.

    An item's family is called as if these were there: so that a freeze changes no byte of a set.
    """
    accepted_items = accepted_families(items, accepted, params)
    held = [row for row, _ in items if row.id not in accepted_items]
    every = [*held, *rows, *near]
    full = dealt_families(every, params)
    names = full.names
    if near:  # they tie no row to an item, but the parts of a large family hang on all its rows
        out = {row.id for row in near}
        apart = dealt_families(every, params, joining_none=out).names
        names = [f if cut else n for n, f, cut in zip(apart, *full, strict=True)]
    names = names[: len(held) + len(rows)]
    parted = frozenset(n for n, cut in zip(names, full.cut, strict=False) if cut)
    lots, grouped = draw([*held, *rows], names, params)
    # Each part of a large family drives out of training what is near it: none is dealt by lot.
    least = params.sealed_share + params.dev_share
    lots |= {name: max(lots[name], least) for name in parted}
    count = len(held)
    if near:
        trained = {r.group for r in grouped[count:] if side(lots[r.group], params) is Split.TRAIN}
        grouped[:count] = [
            row if name in trained else row.model_copy(update={"group": name})
            for row, name in zip(grouped[:count], full.names[:count], strict=True)
        ]
    grouped_items = accepted_items | {row.id: row for row in grouped[:count]}
    of_items = {*names[:count], *(row.group for row in grouped_items.values())}
    return Families(
        lots=lots,
        cut=parted,
        items=[(grouped_items[row.id], part) for row, part in items],
        free=[row for row in grouped[count:] if row.group not in of_items],
        tied={row.id: NEAR_FROZEN for row in grouped[count:] if row.group in of_items},
    )


def cut_from_items(
    items: Sequence[tuple[Row, Split]],
    near: Sequence[Row],
    rows: Sequence[Row],
    params: CurateParams,
) -> list[Row]:
    """Of the rows near an item, those whose family is another part of a large one: they stay."""
    if not near:
        return []
    kin = dealt_families([*near, *(row for row, _ in items), *rows], params)
    of_items = set(kin.names[len(near) : len(near) + len(items)])
    return [row for row, name, cut in zip(near, *kin, strict=False) if cut and name not in of_items]


def accepted_families(
    items: Sequence[tuple[Row, Split]], accepted: Sequence[Row], params: CurateParams
) -> dict[str, Row]:
    """The items that were accepted, by id, with their family as group.

    They were placed beside each other without the words that many of them share, such as a system
    prompt, and stay as they were placed: no family of theirs is of two parts.
    """
    theirs = [(row, part) for row, part in items if row.source == ACCEPTED]
    among = [*(row for row, _ in theirs), *accepted]
    grouped: dict[str, Row] = {}
    for part in Split:
        rows = [row for row, held_in in theirs if held_in is part]
        names = dealt_families(rows, params, among).names
        pairs = zip(rows, names, strict=True)
        grouped |= {row.id: row.model_copy(update={"group": name}) for row, name in pairs}
    return grouped


# --- filled parts ---------------------------------------------------------------------------------

# Families that go to dev or sealed beside those that their lots send there: for a part that would
# be too small, and for kinds of questions that it would lack.

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
        """The share of what the part should have that it holds."""
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
    large = max(LARGEST_FAMILY, FAMILY_SHARE * sum(lots[row.group] < 1 for row in rows))
    eligible = [
        Family(name, lots[name], len(family_rows), usual_kinds(family_rows, kinds))
        for name, family_rows in members.items()
        if lots[name] < 1
    ]
    return sorted(
        eligible,
        key=lambda family: (family.name in cut, family.rows > large, family.lot, family.name),
    )


def usual_kinds(rows: Sequence[Row], kinds: Kinds) -> frozenset[str]:
    counts = Counter(kind for row in rows for kind in kinds.get(row.id, ()))
    return frozenset(kind for kind, count in counts.items() if 2 * count >= len(rows))


def families_of_kinds(families: Sequence[Family]) -> Counter[str]:
    return Counter(kind for family in families for kind in family.kinds)


def rows_of_kinds(families: Sequence[Family]) -> Counter[str]:
    counts = Counter[str]()
    for family in families:
        counts.update(dict.fromkeys(family.kinds, family.rows))
    return counts


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
