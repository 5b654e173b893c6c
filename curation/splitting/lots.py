"""The lots of families of rows, functions of their names and the seed alone, and whole families
dealt by them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from curation.curation_settings import CurateParams, lot
from project.records.data import Row, Split


def side(lot: float, params: CurateParams) -> Split:
    """Low lots are sealed, high ones train: see `draw` for this order."""
    if lot < params.sealed_share:
        return Split.SEALED
    return Split.DEV if lot < params.sealed_share + params.dev_share else Split.TRAIN


def draw(
    rows: Sequence[Row], groups: Sequence[str], params: CurateParams
) -> tuple[dict[str, float], list[Row]]:
    """The lot of each family, and the rows with their family as group.

    A family has the highest lot of its groups. So as the data grow and families merge, a row keeps
    its side or moves towards training: what a champion was trained on is never an eval item. A row
    for training only takes its family there.
    """
    lots: dict[str, float] = {}
    for row, family in zip(rows, groups, strict=True):
        own = 1.0 if row.source in params.train_only else lot(params.seed, row.group)
        lots[family] = max(lots.get(family, 0.0), own)
    pairs = zip(rows, groups, strict=True)
    return lots, [row.model_copy(update={"group": family}) for row, family in pairs]


def thinned(rows: Iterable[Row], params: CurateParams) -> Iterator[Row]:
    """Pass on at most max_per_group rows of a group: those for training only, then by lots."""
    taken: Counter[str] = Counter()
    for row in ordered(rows, params):
        taken[row.group] += 1
        if params.max_per_group is None or taken[row.group] <= params.max_per_group:
            yield row


def ordered(rows: Iterable[Row], params: CurateParams) -> list[Row]:
    """Rows for training only, then the others by their lots."""
    return sorted(
        rows, key=lambda row: (row.source not in params.train_only, lot(params.seed, row.id))
    )


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
    parts = {part: [row for row, own in held if own is part] for part in Split}
    least = {part: len(own) for part, own in parts.items()}
    extra = {p: sum(row.source in params.accepted for row in own) for p, own in parts.items()}
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
