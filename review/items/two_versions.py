"""Any two versions on the same dev items, each with what it answered when it was compared."""

from evaluation.report.comparisons import items_of
from evaluation.report.dev_items import Comparison, DevItem, DevItems
from project.errors import InputError
from project.records.adapters import Opponent
from project.records.scores import ItemScore
from registry.reader import RegistryReader


def held_against(registry: RegistryReader, number: int, other: int | None) -> DevItems:
    """The dev items of a version beside the opponent that it was compared with, or beside another
    version, whose dev items are kept too. Raises InputError where they are not.
    """
    own = items_of(registry, number)
    if other is None or other == own.comparison.opponent.version:
        return own
    if other == number:
        raise InputError("choose two versions that are not the same", field="against")
    return together(own, items_of(registry, other), other)


def together(own: DevItems, others: DevItems, other: int) -> DevItems:
    """On the items that both answered, by the metrics that both have. A preference is of one pair
    of answers, so there is none.
    """
    by_id = {one.row.id: one for one in others.items}
    asked_both = [
        (one, beside)
        for one in own.items
        if (beside := by_id.get(one.row.id)) and beside.row.said == one.row.said
    ]
    return DevItems(
        comparison=Comparison(
            version=own.comparison.version,
            opponent=Opponent(version=other),
            better=others.comparison.better | own.comparison.better,
            gating=own.comparison.gating,
        ),
        items=tuple(both(one, beside) for one, beside in asked_both),
    )


def both(one: DevItem, beside: DevItem) -> DevItem:
    then, now = beside.scores, one.scores
    shared = [metric for metric in now.challenger if metric in then.challenger]
    unread = {*(now.unread or ()), *(then.unread or ())}.intersection(shared)
    return DevItem(
        row=one.row,
        champion=beside.challenger,
        challenger=one.challenger,
        scores=ItemScore(
            item=now.item,
            cluster=now.cluster,
            slices=now.slices,
            champion={metric: then.challenger[metric] for metric in shared},
            challenger={metric: now.challenger[metric] for metric in shared},
            unread=tuple(sorted(unread)) or None,
        ),
    )
