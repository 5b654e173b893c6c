"""How much has changed, whatever the number of rows: the share of traffic that moved."""

from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.array_types import Direction, Floats, Ints

Weights = NDArray[np.float64]


def moved_share(
    current: Floats,
    reference: Floats,
    strata: Ints,
    reference_strata: Ints,
    *,
    direction: Direction,
    shares: bool,
) -> float:
    """A lower bound, chance aside, on the share of the traffic that is not as it was; 0 to 1.

    For shares it is their total variation distance, ½ Σ |p − q|; else the distance between the
    distribution functions (Kolmogorov–Smirnov) of the column whose mean moved most, upward only
    for direction "up". Both are at most the share of rows that would have to change to make one
    the other. What chance alone would show is taken off. The reference's strata are weighted as
    tonight's.

    current [n, columns], reference [m, columns], strata [n] and [m].
    """
    known = np.isin(strata, reference_strata)
    if not known.any():
        return 0.0
    current, strata = current[known], strata[known]
    weights = like_weights(strata, reference_strata)
    effective = 1 / (1 / len(current) + float((weights**2).sum()))
    if shares:
        before = weights @ reference
        found = float(np.abs(current.mean(0, dtype=np.float64) - before).sum() / 2)
        by_chance = float(np.sqrt(before * (1 - np.minimum(before, 1))).sum())
        return max(0.0, found - by_chance / sqrt(2 * np.pi * effective))
    moved = np.abs(current.mean(0, dtype=np.float64) - weights @ reference)
    spread = np.maximum(reference.std(0, dtype=np.float64), 1e-12)
    column = int((moved / spread).argmax())
    found = gap(current[:, column], reference[:, column], weights, direction)
    sides = current.shape[1] * (1 if direction == "up" else 2)
    # The median of the largest of so many, by P(D > x) ≤ exp(−2 n x²) on each side (Massart 1990).
    return max(0.0, found - sqrt(log(sides / log(2)) / (2 * effective)))


def like_weights(strata: Ints, reference_strata: Ints) -> Weights:
    """Of the reference's units, so that its strata weigh as tonight's; their sum is 1 [m]."""
    weights = np.zeros(len(reference_strata))
    for stratum in np.unique(strata):
        there = reference_strata == stratum
        weights[there] = (strata == stratum).mean() / max(there.sum(), 1)
    return weights


def gap(current: Floats, reference: Floats, weights: Weights, direction: Direction) -> float:
    """How far tonight's distribution function lies below the reference's, or from it."""
    order = np.argsort(reference, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(weights[order])])
    points = np.concatenate([current, reference])
    now = np.searchsorted(np.sort(current), points, side="right") / len(current)
    apart = before[np.searchsorted(reference[order], points, side="right")] - now
    return float(apart.max() if direction == "up" else np.abs(apart).max())
