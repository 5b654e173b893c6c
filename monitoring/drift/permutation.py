"""Is a sum over tonight's units larger than over as many that are drawn from all?

A permutation test: under the null hypothesis that users are exchangeable, and a user's units over
days, every choice that `matched_sets` allows is equally likely, whatever the distributions are.
"""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from scipy.stats import chi2, norm

from monitoring.drift.matched_sets import MatchedPool, Numbers, statistic
from monitoring.signals.signal import Direction

ENOUGH = 10  # draws as extreme as tonight that end the counting: p is above the level then
FAR = 0.005  # a p-value from here on, and from ten levels on, is left to the approximation
COUNTED = 20_000  # draws at most that are counted where tilted ones could tell
MOST = 200_000  # draws at most where they could not


def p_value(
    pool: MatchedPool,
    direction: Direction,
    *,
    level: float,
    matters: bool,
    rng: np.random.Generator,
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
        tilted = tilted_p(pool, direction, level, rng)
        if tilted is not None:
            return max(tilted, least)
    return counted_p(pool, direction, observed, min(ceil(4 / level), MOST), rng)


def counted_p(
    pool: MatchedPool, direction: Direction, observed: float, most: int, rng: np.random.Generator
) -> float:
    """The share of random choices as extreme (sequential: Besag & Clifford 1991, Biometrika 78)."""
    seen = drawn = 0
    for sums in pool.draws(most, rng):
        extreme = np.flatnonzero(statistic(sums, direction) >= observed * (1 - TIE))
        if seen + len(extreme) >= ENOUGH:
            return ENOUGH / (drawn + int(extreme[ENOUGH - seen - 1]) + 1)
        seen, drawn = seen + len(extreme), drawn + len(sums)
    return (seen + 1) / (drawn + 1)


def approximate_p(pool: MatchedPool, observed: float, direction: Direction) -> float:
    """The normal tail; for a sum of squares, the scaled χ² with its mean and variance."""
    if direction == "up":
        return float(norm.sf(observed))
    mean, variance = pool.moments
    if mean <= 0:
        return 1.0
    return float(chi2.sf(observed * 2 * mean / variance, 2 * mean**2 / variance))


# --- tilted draws ---------------------------------------------------------------------------------

# Very small p-values from few draws: drawn where the statistic is large, and weighed accordingly.
#
# Of plain choices a hundred thousand are needed to see what happens once in ten thousand. Tilted
# ones go where a level's threshold lies; each counts as its probability among plain choices over
# the one that it was drawn with, and so does tonight's own. With tonight's among them P(p ≤ a) ≤ a
# holds for every a, however well or badly the tilt was chosen (Harrison 2012, Biometrika 99: 57).

DRAWS = 1_000
MIXED = 400  # draws of which the mean of the tilted weights is estimated
MARGIN = 3.0  # standard errors that are added to it
TRUSTED = 20  # draws at least must carry that mean
LESS = (1.0, 0.8, 0.6, 0.4)  # times the rate that is tried; heavy tails bear less
STEPS = 40  # halvings of an interval
FARTHEST = 300.0  # of an exponent
TIE = 1e-5  # of the statistic: below it, two float32 sums are one


@dataclass(frozen=True)
class Tilt:
    """Choices with a probability that is proportional to exp(θ · sums)."""

    pool: MatchedPool
    theta: Numbers  # [columns]

    @property
    def chances(self) -> Numbers:
        """The chances of each row within its set [rows]."""
        weights: Numbers = exponentials(self.pool, self.theta[None])[0][:, 0]
        weights /= np.repeat(np.add.reduceat(weights, self.pool.starts), self.pool.sizes)
        return weights

    def sums(self, count: int, rng: np.random.Generator) -> Numbers:
        """The sums of so many choices [count, columns]."""
        sets = len(self.pool.sizes)
        cuts = np.cumsum(self.chances)
        places = np.arange(sets) + rng.random((count, sets))
        rows = np.searchsorted(cuts, places)
        first = self.pool.starts
        return self.pool.chosen(np.clip(rows, first, first + self.pool.sizes - 1))


def exponentials(pool: MatchedPool, thetas: Numbers) -> tuple[Numbers, Numbers]:
    """exp(θ · row − the largest of its set) [rows, thetas], and those largest [sets, thetas]."""
    exponents = pool.table.astype(np.float64) @ thetas.T
    most = np.maximum.reduceat(exponents, pool.starts)
    return np.exp(exponents - np.repeat(most, pool.sizes, axis=0)), most


def cumulants(pool: MatchedPool, thetas: Numbers) -> Numbers:
    """log E exp(θ · sums) over plain choices; thetas [n, columns] give [n]."""
    exponents, most = exponentials(pool, thetas)
    means = np.add.reduceat(exponents, pool.starts) / pool.sizes[:, None]
    total: Numbers = (np.log(means) + most).sum(0)
    return total


def tilted_p(
    pool: MatchedPool, direction: Direction, level: float, rng: np.random.Generator
) -> float | None:
    """P(statistic ≥ tonight's); None where the weights cannot be trusted."""
    return upward(pool, level, rng) if direction == "up" else outward(pool, level, rng)


def upward(pool: MatchedPool, level: float, rng: np.random.Generator) -> float:
    """The p-value of the first column's sum, exact: the tilt depends on the level alone."""
    pool = MatchedPool(pool.table[:, :1], pool.starts, pool.sizes)
    tilt = tilt_for(pool, level)
    cumulant = cumulants(pool, tilt.theta[None])[0]
    observed, drawn = pool.sums, tilt.sums(DRAWS, rng)[:, 0]
    weights = np.exp(np.minimum(cumulant - tilt.theta[0] * np.append(drawn, observed), FARTHEST))
    extreme = np.append(drawn, observed) >= observed * (1 - TIE)
    return min(1.0, float(weights[extreme].sum() / (DRAWS + 1)))


def tilt_for(pool: MatchedPool, level: float) -> Tilt:
    """The least tilt whose mean is exceeded with a chance below the level, by Chernoff's bound."""

    def rare(theta: float) -> bool:
        tilt = Tilt(pool, np.array([theta]))
        mean = float(tilt.chances @ pool.table[:, 0])
        return theta * mean - float(cumulants(pool, tilt.theta[None])[0]) >= -log(level)

    low, high = 0.0, 1.0
    while not rare(high) and high * np.abs(pool.table).max() < FARTHEST:
        low, high = high, 2 * high
    for _ in range(STEPS // 2):
        middle = (low + high) / 2
        low, high = (low, middle) if rare(middle) else (middle, high)
    return Tilt(pool, np.array([high]))


def outward(pool: MatchedPool, level: float, rng: np.random.Generator) -> float | None:
    """Of the sum of squares Q: choices that are exp(λ Q / 2) / Z times as likely.

    That is a mixture of tilts: of a θ that is normal with variance λ, times E exp(θ · sums). Given
    tonight, θ is normal around λ · sums; given θ, tonight is as good as another draw of the tilt.
    So p is exact but for Z, which is estimated from draws and taken with a margin. λ and Z are the
    same for all choices.
    """
    roots, vectors = np.linalg.eigh(pool.covariance)
    roots = np.maximum(roots, 0)
    for rate in rate_for(roots, threshold(pool, level)) * np.array(LESS):
        scale = log_mean(pool, rate, roots, vectors, rng)
        if scale is not None:
            break
    else:
        return None
    sums = pool.sums
    theta = rate * sums + np.sqrt(rate) * rng.standard_normal(len(sums))
    drawn = statistic(Tilt(pool, theta).sums(DRAWS, rng), "any")
    observed = float(statistic(sums, "any"))
    extreme = np.append(drawn[drawn >= observed * (1 - TIE)], observed)
    weights = np.exp(np.minimum(scale - rate * extreme / 2, FARTHEST))
    return min(1.0, float(weights.sum() / (DRAWS + 1)))


def threshold(pool: MatchedPool, level: float) -> float:
    """About what the sum of squares exceeds with a chance of the level."""
    mean, variance = pool.moments
    return float(chi2.isf(level, 2 * mean**2 / variance) * variance / 2 / mean)


def rate_for(roots: Numbers, mean: float) -> float:
    """λ, so that a tilted Q has this mean, were the sums normal with these variances."""
    low, high = 0.0, 1 / float(roots.max())
    for _ in range(STEPS):
        middle = (low + high) / 2
        large = (roots / (1 - middle * roots)).sum() > mean
        low, high = (low, middle) if large else (middle, high)
    return low


def log_mean(
    pool: MatchedPool, rate: float, roots: Numbers, vectors: Numbers, rng: np.random.Generator
) -> float | None:
    """log E exp(λ Q / 2) over plain choices, an upper bound up to chance.

    It is E exp(cumulant(√λ g)) over a standard normal g; were the sums normal, over g that is as
    wide as 1 / (1 − λ V), the weights of these draws would all be equal.
    """
    normal = rng.standard_normal((MIXED, len(roots)))
    wide = normal / np.sqrt(1 - rate * roots) @ vectors.T
    squares = ((wide @ vectors) ** 2 * roots).sum(1)
    logs = cumulants(pool, np.sqrt(rate) * wide) - rate * squares / 2
    weights = np.exp(logs - logs.max())
    if weights.sum() ** 2 < TRUSTED * (weights**2).sum():
        return None
    error = weights.std() / weights.mean() / np.sqrt(MIXED)
    half = -np.log(1 - rate * roots).sum() / 2
    return float(half + logs.max() + np.log(weights.mean() * (1 + MARGIN * error)))
