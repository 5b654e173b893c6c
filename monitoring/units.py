"""What is counted once: a user's rows of one night and stratum, as one mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitoring.arrays import from_bytes, to_bytes
from monitoring.permutation import Floats, Ints
from monitoring.signals.signal import Batch, Signal

STRATA = "of strata"  # no signal is called so


@dataclass(frozen=True)
class Units:
    """Columns of each signal, for units that are taken to be independent.

    One voice each: a user who asks the same a hundred times weighs as much as one who asks once, so
    that one noisy client is not drift. A unit without a value in a signal has NaN there.
    """

    columns: Mapping[str, Floats]  # by signal [n, columns]
    strata: Ints  # [n]

    def __len__(self) -> int:
        return len(self.strata)

    @classmethod
    def of(
        cls, batch: Batch, signals: Iterable[Signal], blocks: Sequence[str], strata: Ints
    ) -> Self:
        """Average a batch's rows over those of one block and stratum; blocks and strata [rows]."""
        keys = np.array([f"{stratum}\0{b}" for stratum, b in zip(strata, blocks, strict=True)])
        _, first, unit = np.unique(keys, return_index=True, return_inverse=True)
        columns = {s.name: averaged(s.columns(batch), unit, len(first)) for s in signals}
        return cls(columns, strata[first])

    @classmethod
    def joined(cls, several: Sequence["Units"]) -> Self:
        names = several[0].columns
        return cls(
            {name: np.concatenate([units.columns[name] for units in several]) for name in names},
            np.concatenate([units.strata for units in several]),
        )

    def to_bytes(self) -> bytes:
        return to_bytes({STRATA: self.strata, **self.columns})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        arrays = from_bytes(data)
        strata = arrays.pop(STRATA)
        return cls(arrays, strata)

    def some(self, limit: int, rng: np.random.Generator) -> "Units":
        """A random choice of them, all when they are no more than the limit."""
        if len(self) <= limit:
            return self
        kept = np.sort(rng.choice(len(self), limit, replace=False))
        columns = {name: columns[kept] for name, columns in self.columns.items()}
        return Units(columns, self.strata[kept])

    def having(self, signal: str) -> tuple[Floats, Ints]:
        """The units that have a value: their columns [n, columns] and strata [n]."""
        columns = self.columns[signal]
        there = ~np.isnan(columns).any(1)
        return columns[there], self.strata[there]


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
