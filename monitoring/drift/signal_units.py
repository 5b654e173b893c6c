"""Units as one signal sees them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.array_types import Floats, Ints

FEW = 4  # units for each voice that is looked for


@dataclass(frozen=True, eq=False)
class SignalUnits:
    """Those that have a value in a signal. A reference is asked every night: what it alone tells is
    found once.
    """

    columns: Floats  # [n, columns]
    strata: Ints  # [n]
    users: Ints  # [n]; empty: no two are one user's
    days: Ints  # [n]; empty: it is not known

    def __len__(self) -> int:
        return len(self.strata)

    def has_voices(self, least: int) -> bool:
        """Whether they are of so many users; one who comes back counts once."""
        if not len(self.users):
            return len(self) >= least
        some = self.users[: FEW * least]  # these tell mostly: sorting all of them takes long
        return len(np.unique(some)) >= least or len(np.unique(self.users)) >= least

    def taken(self, there: NDArray[np.bool_]) -> "SignalUnits":
        """Some of them; itself where all are."""
        if there.all():
            return self
        users, days = (of[there] if len(of) else of for of in (self.users, self.days))
        return SignalUnits(self.columns[there], self.strata[there], users, days)

    def like(self, other: "SignalUnits") -> "SignalUnits":
        """Those of strata that the other side has too."""
        if np.array_equal(self.kinds, other.kinds):
            return self
        return self.taken(np.isin(self.strata, other.kinds))

    @cached_property
    def kinds(self) -> Ints:
        """The strata that are there, sorted."""
        return np.flatnonzero(np.bincount(self.strata))

    @cached_property
    def stratum_numbers(self) -> Ints:
        """The strata, numbered from 0 in their order [n]."""
        return np.searchsorted(self.kinds, self.strata)

    @cached_property
    def day_numbers(self) -> Ints:
        """The days, numbered from 0 in their order [n]."""
        return np.unique(self.days, return_inverse=True)[1]

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """Standard deviations [columns]."""
        found: NDArray[np.float64] = self.columns.std(0, dtype=np.float64)
        return found

    @cached_property
    def order(self) -> Ints:
        """That sorts the units by the first column [n]."""
        return np.argsort(self.columns[:, 0], kind="stable")
