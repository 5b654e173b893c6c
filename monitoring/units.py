"""What is counted once: a user's rows of one stretch of nights, as one mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring.arrays import Arrays
from monitoring.permutation import Floats, Ints
from monitoring.signals.signal import Batch, Signal

OWN = "of "  # what the names of arrays that are no signal's columns begin with
PLACE = ("strata", "users", "days")
NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Units:
    """Columns of each signal, for units that are taken to be independent.

    One voice each: a user who asks the same a hundred times weighs as much as one who asks once, so
    that one noisy client is not drift. A unit without a value in a signal has NaN there.
    """

    columns: Mapping[str, Floats]  # by signal [n, columns]
    strata: Ints  # [n]
    users: Ints = field(default_factory=lambda: NOBODY)  # [n]; empty: no two are one user's
    days: Ints = field(default_factory=lambda: NOBODY)  # [n] with users, counted in days

    def __len__(self) -> int:
        return len(self.strata)

    @classmethod
    def of(
        cls,
        batch: Batch,
        signals: Iterable[Signal],
        users: Sequence[str],
        strata: Ints,
        days: Ints | None = None,
    ) -> Self:
        """Average a batch's rows over those of one user, day and stratum; all three [rows]."""
        names, numbers = np.unique(np.array(users), return_inverse=True)
        days = np.zeros(len(users), np.int64) if days is None else days
        first, unit = grouped(numbers, days, strata)
        columns = {s.name: averaged(s.columns(batch), unit, len(first)) for s in signals}
        hashes = np.array([hash_of(name) for name in names.tolist()], np.int64)
        return cls(columns, strata[first], hashes[numbers[first]], days[first])

    @classmethod
    def joined(cls, several: Sequence["Units"]) -> Self:
        names = several[0].columns
        return cls(
            {name: np.concatenate([units.columns[name] for units in several]) for name in names},
            *(np.concatenate([getattr(units, name) for units in several]) for name in PLACE),
        )

    def by_stretch(self, nights: int) -> "Units":
        """Average a user's units over stretches of so many nights, the last one ending last.

        A user who comes back on each of 28 nights brings the same tastes each time: over a window
        of 28 nights that is one unit, not 28. Against it stand the reference's users, averaged
        over stretches as long.
        """
        if nights == 1 or not len(self.users):
            return self
        stretch = (self.days.max() - self.days) // nights
        first, unit = grouped(self.users, stretch, self.strata)
        return Units(
            {name: averaged(rows, unit, len(first)) for name, rows in self.columns.items()},
            self.strata[first],
            self.users[first],
            self.days[first],
        )

    def arrays(self) -> Arrays:
        """All that they are, by names that no signal has."""
        return {OWN + name: getattr(self, name) for name in PLACE} | dict(self.columns)

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> Self:
        columns = {name: rows for name, rows in arrays.items() if not name.startswith(OWN)}
        return cls(columns, *(arrays[OWN + name] for name in PLACE))

    def some(self, limit: int, rng: np.random.Generator) -> "Units":
        """A random choice of them, all when they are no more than the limit."""
        if len(self) <= limit:
            return self
        kept = np.sort(rng.choice(len(self), limit, replace=False))
        columns = {name: columns[kept] for name, columns in self.columns.items()}
        known = kept if len(self.users) else NOBODY
        return Units(columns, self.strata[kept], self.users[known], self.days[known])

    def having(self, signal: str) -> tuple[Floats, Ints]:
        """The units that have a value: their columns [n, columns] and strata [n]."""
        columns = self.columns[signal]
        there = ~np.isnan(columns).any(1)
        return columns[there], self.strata[there]


def grouped(*keys: Ints) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of rows that are alike in all keys, the first one's place, and the group of each row [n]."""
    _, first, group = np.unique(np.stack(keys), axis=1, return_index=True, return_inverse=True)
    return first, group.ravel()


def hash_of(name: str) -> int:
    """Who is who, without the name: units are kept, and names are personal data."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def averaged(columns: Floats, unit: NDArray[np.intp], count: int) -> Floats:
    """The mean over each unit's rows that have a value; NaN where none has [count, columns]."""
    there = ~np.isnan(columns).any(1)
    order = np.argsort(unit[there], kind="stable")
    own, rows = unit[there][order], columns[there][order]
    found, starts, sizes = np.unique(own, return_index=True, return_counts=True)
    means = np.full((count, columns.shape[1]), np.nan, np.float32)
    if len(found):
        sums = np.add.reduceat(rows.astype(np.float64), starts, axis=0)
        means[found] = sums / sizes[:, None]
    return means
