"""How much has changed, whatever the number of rows: the share of traffic that moved."""

from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.user_days import SignalUnits
from monitoring.signals.signal import Direction, Ints

Weights = NDArray[np.float64]


def moved_share(
    now: SignalUnits, before: SignalUnits, *, direction: Direction, shares: bool
) -> float:
    """A lower bound, chance aside, on the share of the traffic that is not as it was; 0 to 1.

    For shares it is their total variation distance, ½ Σ |p − q|; else the distance between the
    distribution functions (Kolmogorov–Smirnov) of the column whose mean moved most, upward only
    for direction "up". Both are at most the share of rows that would have to change to make one
    the other. What chance alone would show is taken off. The reference's strata are weighted as
    tonight's: those of both are the same.
    """
    if not len(now):
        return 0.0
    weights = like_weights(now.strata, before.strata)
    effective = 1 / (1 / len(now) + float((weights**2).sum()))
    if shares:
        usual = weights @ before.columns
        # Of zeros and ones float32 has the exact sum.
        moved = float(np.abs(now.columns.sum(0) / np.float64(len(now)) - usual).sum() / 2)
        by_chance = float(np.sqrt(usual * (1 - np.minimum(usual, 1))).sum())
        return max(0.0, moved - by_chance / sqrt(2 * np.pi * effective))
    moved = gap(now, before, weights, most_moved(now, before, weights), direction)
    sides = now.columns.shape[1] * (1 if direction == "up" else 2)
    # The median of the largest of so many, by P(D > x) ≤ exp(−2 n x²) on each side (Massart 1990).
    return max(0.0, moved - sqrt(log(sides / log(2)) / (2 * effective)))


def like_weights(strata: Ints, reference_strata: Ints) -> Weights:
    """The weights of the reference's units, so that its strata weigh as tonight's; their sum is 1
    [m].
    """
    most = 1 + max(int(strata.max(initial=0)), int(reference_strata.max(initial=0)))
    now, before = (np.bincount(side, minlength=most) for side in (strata, reference_strata))
    weights: Weights = (now / max(len(strata), 1) / np.maximum(before, 1))[reference_strata]
    return weights


def most_moved(now: SignalUnits, before: SignalUnits, weights: Weights) -> int:
    """The column whose mean moved most, in standard deviations."""
    if now.columns.shape[1] == 1:
        return 0
    moved = np.abs(now.columns.mean(0, dtype=np.float64) - weights @ before.columns)
    return int((moved / np.maximum(before.deviations, 1e-12)).argmax())


def gap(
    now: SignalUnits, before: SignalUnits, weights: Weights, column: int, direction: Direction
) -> float:
    """How far tonight's distribution function lies below the reference's, or from it."""
    reference = before.columns[:, column]
    order = before.order if column == 0 else np.argsort(reference, kind="stable")
    known, tonight = reference[order], np.sort(now.columns[:, column])
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    points = np.sort(np.concatenate([known, tonight]))  # sorted ones are found much faster
    there = np.searchsorted(tonight, points, side="right") / len(tonight)
    apart = below[np.searchsorted(known, points, side="right")] - there
    return float(apart.max() if direction == "up" else np.abs(apart).max())
