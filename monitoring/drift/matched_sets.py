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

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from monitoring.signals.array_types import Floats, Ints

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
    """Which units make the rows of a table, of which a choice takes one of every set.

    Tonight's choice is the first row of each: there the single items are.
    """

    units: csr_array  # [rows, units]: 1, or −1 where the single item is the reference's
    starts: Ints  # where each set's rows begin
    sizes: Ints  # rows of each set
    means: csr_array  # [sets, rows]: 1 / size
    strata: csr_array | None  # [strata, units]: 1, where units of several are exchanged

    def table(self, columns: Floats) -> Floats:
        """Of units' columns [n, columns]: sums that are centred in their set [rows, columns]."""
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
    own, user = units.taken(kept), units.users[kept]
    # One item a unit, or one a user.
    alone = both[user] | (used[user] == 1)
    key = np.where(alone, len(counts) + np.arange(len(user)), user)
    _, first, item = np.unique(key, return_index=True, return_inverse=True)
    strata, most = int(units.strata.max()) + 1, int(counts.max()) + 1
    group = np.where(used[user] == 1, own.strata, strata + used[user])
    group = np.where(both[user], strata + most + user, group)
    return Items(kept, item, group[first], own.tonight[first])


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
    """Of each item its set, −1 for none, its place there, and the sign of its set [items].

    Those of the side that has more are dealt out to the single ones like cards.
    """
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
