"""What the best of many trials gains over the project's own settings, as if dev had not chosen it.

The best of many is best by luck too: its dev score flatters it. So the choice is made again on
items drawn anew, and what it gains is read on the items that were not drawn (bootstrap bias
corrected: Tsamardinos, Greasidou & Borboudakis 2018, Machine Learning 107: 1895). The interval is
that of a decision, clustered by the items' groups, around the corrected gain.
"""

from collections.abc import Sequence

import numpy as np

from evaluation.decision.statistics import Array, bounds, paired
from project.canonical import digest_json
from project.records.record import Record
from project.records.scores import Better

RESAMPLES = 1000
FEWEST = 8  # groups of items: with fewer, too often none is left that was not drawn
LEVEL = 0.9  # of the interval


class Gain(Record):
    """Of a mean over dev items; above 0 the best trial is better, whichever way the metric goes."""

    seen: float  # on the items that chose it
    corrected: float  # on items that did not
    low: float  # of the interval around the corrected gain
    high: float
    level: float = LEVEL


def gain_of_best(scores: Array, own: int, groups: Sequence[str], better: Better) -> Gain | None:
    """Of scores [trials, items], against the trial at `own`; items of one group are dependent.

    None with too few groups to say.
    """
    gains = (scores - scores[own]) * (-1 if better == "less" else 1)
    number = {name: i for i, name in enumerate(sorted(set(groups)))}
    if len(number) < FEWEST:
        return None
    index = np.array([number[name] for name in groups])
    members = np.equal.outer(np.arange(len(number)), index).astype(np.float64)  # [groups, items]
    sums, sizes = gains @ members.T, members.sum(axis=1)  # [trials, groups], [groups]
    best = paired(gains[int(gains.mean(axis=1).argmax())], groups)
    corrected = float(on_items_left_out(sums, sizes).mean())
    low, high = bounds(corrected, best.se, best.df, (1 - LEVEL) / 2)
    return Gain(seen=best.diff, corrected=corrected, low=low, high=high)


def on_items_left_out(sums: Array, sizes: Array) -> Array:
    """Gains [resamples] of whichever trial is best on drawn groups, on those not drawn.

    `sums` [trials, groups] are of the gains of a group's items, `sizes` [groups] their number. The
    seed is a function of the data.
    """
    rng = np.random.default_rng(int(digest_json(sums.tolist())[:16], 16))
    count = len(sizes)
    found: list[float] = []
    while len(found) < RESAMPLES:
        drawn = np.bincount(rng.integers(count, size=count), minlength=count)
        left = drawn == 0
        if left.any():
            best = int(np.argmax(sums @ drawn / (sizes @ drawn)))
            found.append(sums[best, left].sum() / sizes[left].sum())
    return np.array(found)
