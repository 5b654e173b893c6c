"""Several answers an item: it counts by their mean, and their spread is shown beside it.

They are a cluster. With equally many answers an item, the mean over items of the items' means and
its cluster-robust error are those of all answers, each item being a cluster.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean

from evaluation.decision.statistics import Array
from project.records.scores import ItemScore


def by_item(answers: Iterable[ItemScore]) -> list[list[ItemScore]]:
    """The scores of each item's answers, items in the order in which they first come."""
    found: dict[str, list[ItemScore]] = {}
    for answer in answers:
        found.setdefault(answer.item, []).append(answer)
    return list(found.values())


def item_means(answers: Sequence[ItemScore]) -> tuple[ItemScore, ...]:
    """One line an item: the means over its answers, of what was judged and could be read."""
    items = by_item(answers)
    if len(items) == len(answers):
        return tuple(answers)
    return tuple(mean_of(drawn) for drawn in items)


def mean_of(drawn: Sequence[ItemScore]) -> ItemScore:
    judged = [one.preference for one in drawn if one.preference is not None]
    read = {name: read_ones(drawn, name) for name in drawn[0].champion}
    unread = tuple(sorted(name for name, ones in read.items() if not ones))
    never = set.intersection(*({*(one.inapplicable or ())} for one in drawn)) & {*unread}
    return drawn[0].model_copy(
        update={
            "champion": {m: fmean(o.champion[m] for o in read[m] or drawn) for m in read},
            "challenger": {m: fmean(o.challenger[m] for o in read[m] or drawn) for m in read},
            "preference": fmean(judged) if judged else None,
            "unread": unread or None,
            "inapplicable": tuple(sorted(never)) or None,
        }
    )


def read_ones(drawn: Sequence[ItemScore], metric: str) -> list[ItemScore]:
    return [one for one in drawn if metric not in (one.unread or ())]


def spread(drawn: Sequence[Array]) -> dict[str, float]:
    """How many answers an item has at most, and the pooled standard deviation of a difference
    within items: √(Σ_i Σ_s (d_is − d̄_i)² / Σ_i (k_i − 1)). Nothing where no item has two.
    """
    several = [differences for differences in drawn if len(differences) > 1]
    if not several:
        return {}
    squares = sum(float(((d - d.mean()) ** 2).sum()) for d in several)
    return {
        "samples": max(map(len, several)),
        "within_sd": sqrt(squares / sum(len(d) - 1 for d in several)),
    }
