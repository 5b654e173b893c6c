"""Families of near-duplicates, among frozen items and all other rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from curation.account import NEAR_FROZEN
from curation.curation_settings import CurateParams
from curation.kin.kinship import families_of_kin, family_names
from curation.splitting.lots import draw, side
from project.records.data import Row, Split


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
    own = accepted_families(items, accepted, params)
    held = [row for row, _ in items if row.id not in own]
    every = [*held, *rows, *near]
    full = families_of_kin(every, params.similarity)
    names = full.names
    if near:  # they tie no row to an item, but the parts of a large family hang on all its rows
        out = {row.id for row in near}
        apart = families_of_kin(every, params.similarity, joining_none=out).names
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
    grouped_items = own | {row.id: row for row in grouped[:count]}
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
    found = families_of_kin([*near, *(row for row, _ in items), *rows], params.similarity)
    of_items = set(found.names[len(near) : len(near) + len(items)])
    return [
        row for row, name, cut in zip(near, *found, strict=False) if cut and name not in of_items
    ]


def accepted_families(
    items: Sequence[tuple[Row, Split]], accepted: Sequence[Row], params: CurateParams
) -> dict[str, Row]:
    """The items that were accepted, by id, with their family as group.

    They were placed beside each other without the words that many of them share, such as a system
    prompt, and stay as they were placed: no family of theirs is of two parts.
    """
    theirs = [(row, part) for row, part in items if row.source in params.accepted]
    among = [*(row for row, _ in theirs), *accepted]
    found: dict[str, Row] = {}
    for part in Split:
        rows = [row for row, own in theirs if own is part]
        names = family_names(rows, params.similarity, among)
        pairs = zip(rows, names, strict=True)
        found |= {row.id: row.model_copy(update={"group": name}) for row, name in pairs}
    return found
