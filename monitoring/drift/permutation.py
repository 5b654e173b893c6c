"""Is a sum over tonight's units larger than over as many that are drawn from all?

A permutation test within strata: under the null hypothesis that tonight's units and the
reference's are exchangeable within each stratum (weekday, hour), every choice of tonight's units
among all is equally likely, whatever their distribution.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from monitoring.signals.array_types import Direction, Floats, Ints

ENOUGH = 10  # draws as extreme as tonight that end the counting: p is above the level then
FAR = 0.002  # a p-value from here on, and from ten levels on, is left to the approximation
CHUNK = 4_000_000  # numbers drawn at a time
TIE = 1e-5  # of the statistic: below it, two float32 sums are one
SOME = 2_000  # units are enough to approximate a correlation


@dataclass(frozen=True)
class Pool:
    """Columns of tonight's units and of the reference's, centred and scaled within the strata.

    A column's sum over a random choice of units then has mean 0 and variance 1.
    """

    parts: tuple[Floats, ...]  # of each stratum: its units [n, columns], tonight's first
    tonight: tuple[int, ...]  # how many of a stratum's units are tonight's
    spread: NDArray[np.float64]  # of each column's sum, where 1 is that of independent units

    @classmethod
    def of(
        cls,
        current: Floats,
        reference: Floats,
        strata: Ints,
        reference_strata: Ints,
        users: tuple[Ints, Ints] | None = None,
    ) -> "Pool":
        """current [n, columns], reference [m, columns]; strata of tonight's units that the
        reference lacks are left out, since there is nothing to compare them with.

        users [n] and [m] tell which units are one user's.
        """
        parts, sizes, owners = [], [], []
        variance = np.zeros(current.shape[1])
        for stratum in np.intersect1d(strata, reference_strata):
            own, other = current[strata == stratum], reference[reference_strata == stratum]
            part = np.concatenate([own, other])
            part -= part.mean(0, dtype=np.float64).astype(np.float32)
            n, units = len(own), len(part)
            squares = np.einsum("nc,nc->c", part, part, dtype=np.float64)
            variance += n * (units - n) / (units * max(units - 1, 1)) * squares
            parts.append(part)
            sizes.append(n)
            if users:
                there = users[0][strata == stratum], users[1][reference_strata == stratum]
                owners.append(np.concatenate(there))
        scale = np.sqrt(np.where(variance > 1e-9, variance, np.inf)).astype(np.float32)
        scaled = tuple((part / scale).astype(np.float32) for part in parts)
        known = users is not None and scaled
        spread = spread_by_users(scaled, sizes, owners) if known else np.ones(len(variance))
        return cls(scaled, tuple(sizes), spread)

    @property
    def sums(self) -> NDArray[np.float64]:
        """The columns' sums over tonight's units, in standard deviations [columns]."""
        pairs = zip(self.parts, self.tonight, strict=True)
        total: NDArray[np.float64] = sum(p[:n].sum(0, dtype=np.float64) for p, n in pairs)
        return total / self.spread

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Of the columns' sums over random choices [columns, columns], from some of the units."""
        step = 1 + sum(map(len, self.parts)) // SOME
        some = np.concatenate([part[::step] for part in self.parts]).astype(np.float64)
        covariance = some.T @ some
        scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        found: NDArray[np.float64] = covariance / scale / scale[:, None]
        return found

    def draws(self, count: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
        """Yield the sums of `count` random choices, in chunks [draws, columns]."""
        units, columns = sum(map(len, self.parts)), self.parts[0].shape[1]
        size = max(1, min(count, CHUNK // units))
        for start in range(0, count, size):
            total = np.zeros((min(size, count - start), columns))
            for part, n in zip(self.parts, self.tonight, strict=True):
                total += chosen_sums(part, n, len(total), rng)
            yield total


def spread_by_users(
    parts: Sequence[Floats], tonight: Sequence[int], owners: Sequence[Ints]
) -> NDArray[np.float64]:
    """How much wider each column's sum spreads than for independent units: 1 or more [columns].

    The root of the design effect: of the squares of what each user adds to the sum, over the
    squares of what each unit adds (the cluster-robust variance of Liang & Zeger 1986, Biometrika
    73: 13). A user who comes back brings the same tastes each time.
    """
    weighed = [
        part * (np.where(np.arange(len(part)) < n, 1.0, 0.0) - n / len(part))[:, None]
        for part, n in zip(parts, tonight, strict=True)
    ]
    _, user = np.unique(np.concatenate(owners), return_inverse=True)
    if len(user) == user.max() + 1:
        return np.ones(parts[0].shape[1])
    rows = np.concatenate(weighed)
    order = np.argsort(user, kind="stable")
    starts = np.searchsorted(user[order], np.arange(user.max() + 1))
    clustered = (np.add.reduceat(rows[order], starts, axis=0) ** 2).sum(0)
    alone = (rows**2).sum(0)
    spread: NDArray[np.float64] = np.sqrt(clustered / np.where(alone > 0, alone, 1))
    return np.maximum(spread, 1)


def chosen_sums(part: Floats, n: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Column sums over n units of a stratum, drawn without replacement [draws, columns]."""
    fewer = min(n, len(part) - n)  # the columns sum to 0: the others' sum is as good
    if fewer == 0:
        return np.zeros((draws, part.shape[1]))
    # Those with the smallest of random keys. A tie at the bound would choose one more: it comes
    # once in 2³² / units draws. As a product of matrices it is much faster than as a sum of rows.
    keys = rng.integers(1 << 32, size=(draws, len(part)), dtype=np.uint32)
    bound = np.partition(keys, fewer - 1, axis=1)[:, fewer - 1, None]
    sums = ((keys <= bound).astype(np.float32) @ part).astype(np.float64)
    return sums if fewer == n else -sums


def statistic(sums: NDArray[np.float64], direction: Direction) -> NDArray[np.float64]:
    """One number a choice, large when it is odd: the first column's sum, or a sum of squares."""
    return sums[..., 0] if direction == "up" else (sums**2).sum(-1)


def p_value(
    pool: Pool, direction: Direction, *, level: float, matters: bool, rng: np.random.Generator
) -> float:
    """How likely units like these are where nothing has changed; small is odd.

    Counted over random choices, sequentially (Besag & Clifford 1991, Biometrika 78: 301), with
    enough of them to tell whether it is below `level`. A value far above the level comes from
    the normal approximation, as does every one when nothing `matters`: counting it would cost most
    of the time. No value is below the least that could be counted.
    """
    if not pool.parts:
        return 1.0
    observed = float(statistic(pool.sums, direction))
    approximate = approximate_p(pool, observed, direction)
    most = ceil(4 / level)
    if not matters or approximate > max(FAR, 10 * level):
        return max(approximate, 1 / (most + 1))
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
    correlation = pool.correlation
    mean, variance = np.trace(correlation), 2 * (correlation**2).sum()
    if mean <= 0:
        return 1.0
    return float(chi2.sf(observed * 2 * mean / variance, 2 * mean**2 / variance))
