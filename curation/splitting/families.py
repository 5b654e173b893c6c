"""Families of near-duplicates, among frozen items and all other rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.account import NEAR_FROZEN
from curation.curation_settings import CurateParams
from curation.splitting.lots import draw, side
from project.near_duplicates import near_duplicate_groups
from project.records.data import Row, Split


@dataclass(frozen=True)
class Families:
    """Rows with their family as group."""

    lots: dict[str, float]  # by family
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
) -> Families:
    """The families of frozen items and other rows; `near` are rows that were left out for an item.

    An item's family is called as if these were there: so that a freeze changes no byte of a set.
    """
    held = [row for row, _ in items]
    names = near_duplicate_groups([*held, *rows], params.similarity)
    lots, grouped = draw([*held, *rows], names, params)
    count = len(held)
    if near:
        full = near_duplicate_groups([*held, *rows, *near], params.similarity)
        trained = {r.group for r in grouped[count:] if side(lots[r.group], params) is Split.TRAIN}
        grouped[:count] = [
            row if name in trained else row.model_copy(update={"group": name})
            for row, name in zip(grouped[:count], full[:count], strict=True)
        ]
    of_items = {*names[:count], *(row.group for row in grouped[:count])}
    return Families(
        lots=lots,
        items=list(zip(grouped[:count], [part for _, part in items], strict=True)),
        free=[row for row in grouped[count:] if row.group not in of_items],
        tied={row.id: NEAR_FROZEN for row in grouped[count:] if row.group in of_items},
    )
