"""Which units of tonight and of the reference might as well have been the other's.

A matched set holds one item of the side that has fewer and one or more of the other. Where nothing
has changed, each item of a set is as likely as the others to be the single one, and sets are
independent of one another: so a test over all choices is exact, and a choice costs one random
number a set. Who is in a set with whom is drawn at random, whatever the units hold.

Users are exchangeable, and what a user asks is exchangeable over days, less what is usual for the
stratum (weekday, hour). So an item is

- a unit of a user who is on both sides: its sets are among the user's own units;
- all units of a user who is on one side only: its sets are among users with as many units. Of users
  with more units than the other side's have, a random choice of their units is used;
- of users who came once, the unit: its sets are within its stratum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from monitoring.signals.signal import Direction, Floats, Ints

MOST_SETS = 1_000  # several sets of a size are joined from there on: they choose alike
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Units:
    """Who asked the units of both sides, and when [n]."""

    tonight: Flags
    strata: Ints
    users: Ints  # numbered from 0

    def taken(self, kept: Flags | Ints) -> "Units":
        return Units(self.tonight[kept], self.strata[kept], self.users[kept])

    @property
    def crossed(self) -> bool:
        """Whether units of different strata may be exchanged, since users come back."""
        return bool(self.strata.any()) and len(self.users) > int(self.users.max()) + 1


@dataclass(frozen=True)
class Items:
    """What is exchanged: of each unit [n] its item, of each item its group and side [items]."""

    units: Ints  # those that take part; the others of their user are too many
    item: Ints
    group: Ints  # items of one group may be exchanged
    tonight: Flags


@dataclass(frozen=True)
class MatchedSets:
    """Which units make a table's rows; a choice takes one of every set, tonight's the first."""

    units: csr_array  # [rows, units]: 1, or −1 where the single item is the reference's
    starts: Ints  # where each set's rows begin
    sizes: Ints  # rows of each set
    means: csr_array  # [sets, rows]: 1 / size
    strata: csr_array | None  # [strata, units]: 1, where units of several are exchanged

    def table(self, columns: Floats) -> Floats:
        """The sums of units' columns [n, columns] that are centred in their set [rows, columns]."""
        if self.strata is not None:
            counts = self.strata.sum(1)
            means = (self.strata @ columns) / np.maximum(counts, 1)[:, None]
            columns = columns - self.strata.T @ means.astype(np.float32)
        rows: Floats = self.units @ columns
        rows -= np.repeat(self.means @ rows, self.sizes, axis=0)
        return rows


def matched_sets(units: Units, rng: np.random.Generator) -> MatchedSets:
    items = items_of(units, rng)
    number, slot, sign = dealt(items, rng)
    there = number[items.item] >= 0
    chosen, item = items.units[there], items.item[there]
    number, sizes = joined(number, np.bincount(number[number >= 0]))
    starts = np.cumsum(sizes) - sizes
    row = starts[number[item]] + slot[item]
    rows, shape = int(sizes.sum()), len(units.users)
    return MatchedSets(
        units=csr_array((sign[item], (row, chosen)), (rows, shape)),
        starts=starts,
        sizes=sizes,
        means=csr_array(
            (np.repeat(1 / sizes, sizes).astype(np.float32), np.arange(rows), [*starts, rows]),
            (len(sizes), rows),
        ),
        strata=strata_of(units, chosen) if units.crossed else None,
    )


def strata_of(units: Units, chosen: Ints) -> csr_array:
    ones = np.ones(len(chosen), np.float32)
    strata = units.strata[chosen]
    return csr_array((ones, (strata, chosen)), (int(strata.max(initial=0)) + 1, len(units.users)))


def items_of(units: Units, rng: np.random.Generator) -> Items:
    counts = np.bincount(units.users)
    every = np.arange(len(units.users))
    if counts.max(initial=1) == 1:
        return Items(every, every, units.strata, units.tonight)
    tonight = np.bincount(units.users, units.tonight).astype(np.int64)
    sides = np.stack([tonight, counts - tonight])
    both: Flags = np.minimum(tonight, counts - tonight) > 0
    used = np.where(both, counts, evened(sides * ~both, rng))
    kept = np.flatnonzero(rank_within(units.users, rng) < used[units.users])
    kept_units, user = units.taken(kept), units.users[kept]
    # One item a unit, or one a user.
    alone = both[user] | (used[user] == 1)
    key = np.where(alone, len(counts) + np.arange(len(user)), user)
    _, first, item = np.unique(key, return_index=True, return_inverse=True)
    strata, most = int(units.strata.max()) + 1, int(counts.max()) + 1
    group = np.where(used[user] == 1, kept_units.strata, strata + used[user])
    group = np.where(both[user], strata + most + user, group)
    return Items(kept, item, group[first], kept_units.tonight[first])


def rank_within(group: Ints, rng: np.random.Generator) -> Ints:
    """A random order of the members of each group, from 0 on [n]."""
    order = np.lexsort((rng.random(len(group)), group))
    counts = np.bincount(group)
    rank: Ints = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank


def evened(sides: Ints, rng: np.random.Generator) -> Ints:
    """How many units of each user count, so that as many of tonight's users as of the reference's
    have each number, in proportion; sides [2, users] has a user's units, 0 on one side at least.

    From the most on, those that are too many of their side go on with one unit less.
    """
    sizes: Ints = sides.max(0)
    tonight = sides[0] > 0
    counts = (sides > 0).sum(1)
    if not counts.all():
        return sizes
    sizes = np.minimum(sizes, sides.max(1).min())
    order = rng.permutation(len(sizes))
    for size in range(int(sizes.max()), 1, -1):
        there = order[sizes[order] == size]
        now, before = there[tonight[there]], there[~tonight[there]]
        sizes[now[ceil(len(before) * counts[0] / counts[1]) :]] -= 1
        sizes[before[ceil(len(now) * counts[1] / counts[0]) :]] -= 1
    return sizes


def dealt(items: Items, rng: np.random.Generator) -> tuple[Ints, Ints, Floats]:
    """Of each item its set or −1, its place there, and the set's sign [items]."""
    _, group = np.unique(items.group, return_inverse=True)
    tonight = np.bincount(group, items.tonight).astype(np.int64)
    before = np.bincount(group) - tonight
    few = np.minimum(tonight, before)
    first = np.cumsum(few) - few
    rank = rank_within(2 * group + items.tonight, rng)
    single = items.tonight == (tonight <= before)[group]
    of_group = np.maximum(few[group], 1)
    number = np.where(few[group] > 0, first[group] + rank % of_group, -1)
    slot = np.where(single, 0, 1 + rank // of_group)
    sign = np.where((tonight <= before)[group], 1, -1).astype(np.float32)
    return number, slot, sign


def joined(number: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Sets of one size joined, where there are very many: the items' sets, and the sizes."""
    several = ceil(len(sizes) / MOST_SETS)
    if several == 1 or not len(sizes):
        return number, sizes
    new, left = np.empty_like(sizes), list[int]()
    for size in np.unique(sizes):
        there = np.flatnonzero(sizes == size)
        new[there] = len(left) + np.arange(len(there)) // several
        left += [int(size)] * ceil(len(there) / several)
    return np.where(number >= 0, new[number], -1), np.array(left)


# --- pool -----------------------------------------------------------------------------------------

# The sums of a signal's columns over tonight's units, and over others that might be tonight's.

CHUNK = 1_000_000  # numbers drawn at a time
SOME = 2_000  # rows are enough to approximate a correlation

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class MatchedPool:
    """A row of each matched set: a column's sum over random choices has mean 0, variance 1."""

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
    ) -> "MatchedPool":
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
        """The covariance of the columns' sums over random choices [columns, columns]."""
        return self.covariance_of(slice(None))

    @property
    def correlation(self) -> Numbers:
        """The same from some of the rows, with 1 on its diagonal."""
        covariance = self.covariance_of(slice(None, None, 1 + len(self.table) // SOME))
        scale = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        correlations: Numbers = covariance / scale / scale[:, None]
        return correlations

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and variance of the sum of squares, as if a set's items lay alike in all directions.

        With few sets the variance is less than that of normal sums: half of it comes from pairs of
        sets, and those of a set with itself are not among them.
        """
        squares = (self.table**2).sum(1, dtype=np.float64)
        second, fourth = (
            np.add.reduceat(power, self.starts) / self.sizes for power in (squares, squares**2)
        )
        alone = (fourth - second**2).sum() - 2 * (second**2 / (self.sizes - 1)).sum()
        pairs = 2 * (self.correlation**2).sum()
        return float(second.sum()), float(max(pairs + alone, pairs / 100))

    def covariance_of(self, rows: slice) -> Numbers:
        weights = np.repeat(np.sqrt(1 / self.sizes), self.sizes)[rows, None]
        some = self.table[rows] * weights
        products: Numbers = some.T @ some
        return products

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
            single: Numbers = self.table[:, 0][rows].sum(1, keepdims=True, dtype=np.float64)
            return single
        ends = np.arange(len(rows) + 1) * rows.shape[1]
        ones = np.ones(rows.size, np.float32)
        choice = csr_array((ones, rows.ravel(), ends), (len(rows), len(self.table)))
        several: Numbers = (choice @ self.table).astype(np.float64)
        return several


@lru_cache(maxsize=8)
def matched(tonight: int, strata: bytes, users: bytes) -> tuple[Ints, MatchedSets]:
    """Which units have their stratum on both sides, and their sets; tonight's come first."""
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
