"""The sums of a signal's columns over tonight's units, and over others that might be tonight's."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from monitoring.drift.matched_sets import MatchedSets, Units, matched_sets
from monitoring.signals.array_types import Direction, Floats, Ints

CHUNK = 1_000_000  # numbers drawn at a time
SOME = 2_000  # rows are enough to approximate a correlation

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """What tonight's sums are made of: a row of each matched set, one of which is chosen.

    A column's sum over random choices has mean 0 and variance 1.
    """

    table: Floats  # [rows, columns], set after set; the first row of a set is tonight's choice
    starts: Ints  # where each set's rows begin
    sizes: Ints  # rows of each set

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

        users [n] and [m] tell which units are one user's; without them all are of different users.
        """
        when = np.concatenate([strata, reference_strata], dtype=np.int64)
        who = np.concatenate(users, dtype=np.int64) if users else np.arange(len(when))
        kept, sets = matched(len(strata), when.tobytes(), who.tobytes())
        table = sets.table(np.concatenate([current, reference])[kept].astype(np.float32))
        weights = np.repeat(1 / sets.sizes, sets.sizes)
        variance = np.einsum("rc,rc,r->c", table, table, weights, dtype=np.float64)
        scale = np.sqrt(np.where(variance > 1e-9, variance, np.inf)).astype(np.float32)
        return cls(table / scale, sets.starts, sets.sizes)

    @property
    def sums(self) -> Numbers:
        """The columns' sums over tonight's units, in standard deviations [columns]."""
        total: Numbers = self.table[self.starts].sum(0, dtype=np.float64)
        return total

    @property
    def covariance(self) -> Numbers:
        """Of the columns' sums over random choices [columns, columns]."""
        return self.covariance_of(slice(None))

    @property
    def correlation(self) -> Numbers:
        """The same from some of the rows, with 1 on its diagonal."""
        covariance = self.covariance_of(slice(None, None, 1 + len(self.table) // SOME))
        scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        found: Numbers = covariance / scale / scale[:, None]
        return found

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and variance of the sum of squares, as if a set's items lay alike in all directions.

        With few sets the variance is less than that of normal sums: half of it comes from pairs of
        sets, and those of a set with itself are not among them.
        """
        squares = (self.table**2).sum(1, dtype=np.float64)
        own, fourth = (
            np.add.reduceat(power, self.starts) / self.sizes for power in (squares, squares**2)
        )
        alone = (fourth - own**2).sum() - 2 * (own**2 / (self.sizes - 1)).sum()
        pairs = 2 * (self.correlation**2).sum()
        return float(own.sum()), float(max(pairs + alone, pairs / 100))

    def covariance_of(self, rows: slice) -> Numbers:
        weights = np.repeat(np.sqrt(1 / self.sizes), self.sizes)[rows, None]
        some = self.table[rows] * weights
        found: Numbers = some.T @ some
        return found

    def draws(self, count: int, rng: np.random.Generator) -> Iterator[Numbers]:
        """Yield the sums of `count` random choices, in chunks [draws, columns]."""
        size = max(1, min(count, CHUNK // len(self.sizes)))
        for start in range(0, count, size):
            shape = min(size, count - start), len(self.sizes)
            places = rng.random(shape, dtype=np.float32) * self.sizes.astype(np.float32)
            yield self.chosen(self.starts + places.astype(np.int32))

    def chosen(self, rows: NDArray[np.integer]) -> Numbers:
        """The sums of choices, each a row of every set [draws, sets]."""
        if self.table.shape[1] == 1:
            one: Numbers = self.table[:, 0][rows].sum(1, keepdims=True, dtype=np.float64)
            return one
        ends = np.arange(len(rows) + 1) * rows.shape[1]
        ones = np.ones(rows.size, np.float32)
        choice = csr_array((ones, rows.ravel(), ends), (len(rows), len(self.table)))
        several: Numbers = (choice @ self.table).astype(np.float64)
        return several


@lru_cache(maxsize=8)
def matched(tonight: int, strata: bytes, users: bytes) -> tuple[Ints, MatchedSets]:
    """Which units have their stratum on both sides, and the sets that they make; the first units
    are tonight's. The same for all signals that have the same units.
    """
    when, who = np.frombuffer(strata, np.int64), np.frombuffer(users, np.int64)
    now = np.arange(len(when)) < tonight
    shared = np.flatnonzero(np.isin(when, np.intersect1d(when[now], when[~now])))
    # By the user, so that the order in which nights are joined changes nothing.
    kept = shared[np.argsort(who[shared], kind="stable")]
    numbers = (np.unique(of[kept], return_inverse=True)[1] for of in (when, who))
    # Always the same: a choice that knows nothing of the columns.
    return kept, matched_sets(Units(now[kept], *numbers), np.random.default_rng(0))


def statistic(sums: Numbers, direction: Direction) -> Numbers:
    """One number a choice, large when it is odd: the first column's sum, or a sum of squares."""
    return sums[..., 0] if direction == "up" else (sums**2).sum(-1)
