"""Is a sum over tonight's units larger than over as many that are drawn from all?

A permutation test: under the null hypothesis that users are exchangeable, and a user's units over
days, every choice that `matched_sets` allows is equally likely, whatever the distributions are.
"""

from math import ceil

import numpy as np
from scipy.stats import chi2, norm

from monitoring.drift.pool import Pool, statistic
from monitoring.drift.tilted_draws import TIE, tilted_p
from monitoring.signals.array_types import Direction

ENOUGH = 10  # draws as extreme as tonight that end the counting: p is above the level then
FAR = 0.005  # a p-value from here on, and from ten levels on, is left to the approximation
COUNTED = 20_000  # draws at most that are counted where tilted ones could tell
MOST = 200_000  # draws at most where they could not


def p_value(
    pool: Pool, direction: Direction, *, level: float, matters: bool, rng: np.random.Generator
) -> float:
    """How likely units like these are where nothing has changed; small is odd. P(p ≤ a) ≤ a for
    every a up to the level.

    A value far above the level comes from the normal approximation, as does every one when nothing
    `matters`: finding it would cost most of the time, and it hides an alarm at most. Where counting
    would need more than COUNTED draws, p comes from tilted draws: exact for a sum, and for a sum of
    squares but for one mean that is estimated, with a margin. Where that cannot be trusted at most
    MOST draws are counted. So the cost is bounded as levels fall. No value is below a quarter of
    the level: what is much rarer is not told apart.
    """
    if not len(pool.sizes):
        return 1.0
    observed = float(statistic(pool.sums, direction))
    approximate = approximate_p(pool, observed, direction)
    least = 1 / (ceil(4 / level) + 1)
    if not matters or approximate > max(FAR, 10 * level):
        return max(approximate, least)
    if 4 / level > COUNTED:
        found = tilted_p(pool, direction, level, rng)
        if found is not None:
            return max(found, least)
    return counted_p(pool, direction, observed, min(ceil(4 / level), MOST), rng)


def counted_p(
    pool: Pool, direction: Direction, observed: float, most: int, rng: np.random.Generator
) -> float:
    """The share of random choices as extreme, sequentially (Besag & Clifford 1991, Biometrika 78:
    301).
    """
    seen = drawn = 0
    for sums in pool.draws(most, rng):
        extreme = np.flatnonzero(statistic(sums, direction) >= observed * (1 - TIE))
        if seen + len(extreme) >= ENOUGH:
            return ENOUGH / (drawn + int(extreme[ENOUGH - seen - 1]) + 1)
        seen, drawn = seen + len(extreme), drawn + len(sums)
    return (seen + 1) / (drawn + 1)


def approximate_p(pool: Pool, observed: float, direction: Direction) -> float:
    """The normal tail; for a sum of squares, the scaled χ² with its mean and variance."""
    if direction == "up":
        return float(norm.sf(observed))
    mean, variance = pool.moments
    if mean <= 0:
        return 1.0
    return float(chi2.sf(observed * 2 * mean / variance, 2 * mean**2 / variance))
