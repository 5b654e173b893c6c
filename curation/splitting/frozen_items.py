"""Items that stay though the sources grow: those that an eval set is frozen at."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from curation.account import NEAR_FROZEN, REPEATED
from curation.curation_settings import CurateParams
from curation.splitting.accepted_rows import Placed, neighbours
from curation.splitting.eval_sets import Items, ids_among
from project.near_duplicates import SIMILARITY
from project.records.data import Row, Split, counted

Frozen = Mapping[Split, Items]


@dataclass(frozen=True)
class FrozenItems:
    """Frozen items as the sources hold them, and what that means for the other rows."""

    items: list[tuple[Row, Split]]
    free: list[Row]  # rows that are near no item
    left_out: dict[str, str] = field(default_factory=dict)  # by id, why
    gone: dict[Split, int] = field(default_factory=dict)  # items that are not there any more

    def without(self, back: Collection[str], near: Sequence[Row]) -> "FrozenItems":
        """The same items where some of the rows near them are free."""
        free = [*self.free, *(row for row in near if row.id in back)]
        left_out = {name: why for name, why in self.left_out.items() if name not in back}
        return replace(self, free=free, left_out=left_out)

    @property
    def closed(self) -> set[Split]:
        """The parts that are frozen."""
        return set(self.gone)


def hold_frozen_items(
    rows: Sequence[Row], frozen: Frozen, params: CurateParams, unfit: Collection[str] = ()
) -> FrozenItems:
    """Hold the frozen items among the rows; a row that is a near-duplicate of one is left out.

    So an item stays, whatever is added, and so does a training row that a new row would tie to an
    item: the new row goes. An item of dev leaves for its correction, a row for training only;
    an item of the sealed set does not.
    """
    if not frozen:
        return FrozenItems([], list(rows))
    part_of = {name: part for part, items in frozen.items() for name in ids_among(rows, items)}
    known = {row.id: row for row in rows}
    there = [known[name] for name in part_of if name not in unfit]
    others = [row for row in rows if row.id not in part_of and row.id not in unfit]
    near = near_items(others, there, SIMILARITY)
    corrected = {
        item.id
        for row in others
        if row.source in params.train_only
        and all(part_of[item.id] is Split.DEV for item in near.get(row.id, ()))
        for item in near.get(row.id, ())
    }
    held = [(row, part_of[row.id]) for row in there if row.id not in corrected]
    left_out = {
        row.id: REPEATED if row.texts in (item.texts for item in items) else NEAR_FROZEN
        for row in others
        if (items := [item for item in near.get(row.id, ()) if item.id not in corrected])
    }
    taken = left_out.keys() | {row.id for row, _ in held}
    found = Counter(part_of[name] for name in corrected | {row.id for row, _ in held})
    gone = {part: len(items) - found[part] for part, items in frozen.items()}
    return FrozenItems(held, [row for row in rows if row.id not in taken], left_out, gone)


def near_items(
    rows: Sequence[Row], items: Sequence[Row], similarity: float
) -> dict[str, list[Row]]:
    """The items of which each row is a near-duplicate, by the row's id."""
    own = [Placed(row, None, base=True) for row in items]
    every = [Placed(row, None, base=True) for row in rows]
    found: dict[str, list[Row]] = {}
    for item, positions in zip(items, neighbours(own, every, similarity), strict=True):
        for i in positions:
            found.setdefault(rows[i].id, []).append(item)
    return found


def gone_item_lines(gone: Mapping[Split, int]) -> Iterator[str]:
    for part, count in gone.items():
        if count:
            yield (
                f"{counted(count, 'item')} of the frozen {part} set left the sources, or ask "
                "something else now, or are unfit"
            )
