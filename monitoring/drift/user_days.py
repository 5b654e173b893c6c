"""What is counted once: one row of a user's day, as the signals see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from monitoring.signals.signal import Batch, Floats, Ints, Signal
from project.canonical import digest_number

# --- signal units ---------------------------------------------------------------------------------

# Units as one signal sees them.

FEW = 4  # units for each voice that is looked for


@dataclass(frozen=True, eq=False)
class SignalUnits:
    """Those that have a value in a signal; what a reference alone tells is found once."""

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
        spreads: NDArray[np.float64] = self.columns.std(0, dtype=np.float64)
        return spreads

    @cached_property
    def order(self) -> Ints:
        """The order that sorts the units by the first column [n]."""
        return np.argsort(self.columns[:, 0], kind="stable")


# --- array bytes ----------------------------------------------------------------------------------

# Named arrays as bytes: equal arrays have equal bytes, and reading them runs no code.

Arrays = dict[str, NDArray[Any]]


def to_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    stream = BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(stream, **named)
    return stream.getvalue()


def from_bytes(data: bytes) -> Arrays:
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


# --- user days ------------------------------------------------------------------------------------

OWN = "of "  # what the names of arrays that are no signal's columns begin with
PLACE = ("strata", "users", "days")
NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class UserDays:
    """Columns of each signal, for rows of which no two are one user's on one day.

    One voice each: a user who asks the same a hundred times weighs as much as one who asks once,
    so that one noisy client is not drift. A unit without a value in a signal has NaN there.
    """

    columns: Mapping[str, Floats]  # by signal [n, columns]
    strata: Ints  # [n]
    users: Ints = field(default_factory=lambda: NOBODY)  # [n]; empty: no two are one user's
    days: Ints = field(default_factory=lambda: NOBODY)  # [n]; empty: it is not known
    seen: dict[str, SignalUnits] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.strata)

    @classmethod
    def of(
        cls,
        batch: Batch,
        signals: Iterable[Signal],
        users: Sequence[str],
        strata: Ints,
        days: Ints = NOBODY,
    ) -> Self:
        """The user-days of a batch's rows; users, strata and days [rows]."""
        columns = {signal.name: signal.columns(batch) for signal in signals}
        return cls(columns, strata, numbered(users), days)

    @classmethod
    def joined(cls, several: Sequence["UserDays"]) -> Self:
        names = several[0].columns
        return cls(
            {name: np.concatenate([units.columns[name] for units in several]) for name in names},
            *(np.concatenate([getattr(units, name) for units in several]) for name in PLACE),
        )

    @classmethod
    def some_of(cls, several: Sequence["UserDays"], limit: int, rng: np.random.Generator) -> Self:
        """A random choice of the units of several, all when they are no more than the limit."""
        starts = np.cumsum([0, *map(len, several)])
        if starts[-1] <= limit:
            return cls.joined(several)
        rows = np.sort(rng.choice(starts[-1], limit, replace=False))
        parts = np.split(rows, np.searchsorted(rows, starts[1:-1]))
        each = zip(several, parts, starts[:-1], strict=True)
        return cls.joined([units.taken(chosen - start) for units, chosen, start in each])

    def taken(self, rows: Ints) -> "UserDays":
        columns = {name: columns[rows] for name, columns in self.columns.items()}
        known = (getattr(self, name) for name in PLACE)
        return UserDays(columns, *(column[rows] if len(column) else NOBODY for column in known))

    def without(self, users: Ints) -> "UserDays":
        return self.taken(np.flatnonzero(~np.isin(self.users, users)))

    def having(self, signal: str) -> SignalUnits:
        """Those that have a value in a signal, as that signal alone sees them; found once."""
        if signal not in self.seen:
            units = SignalUnits(self.columns[signal], self.strata, self.users, self.days)
            self.seen[signal] = units.taken(np.asarray(~np.isnan(units.columns).any(1)))
        return self.seen[signal]

    def arrays(self) -> Arrays:
        """All that they are, by names that no signal has."""
        return {OWN + name: getattr(self, name) for name in PLACE} | dict(self.columns)

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> Self:
        columns = {name: rows for name, rows in arrays.items() if not name.startswith(OWN)}
        return cls(columns, *(arrays.get(OWN + name, NOBODY) for name in PLACE))


def numbered(names: Iterable[str]) -> Ints:
    """Who is who, without the names: units are kept, and names are personal data [n]."""
    return np.fromiter((digest_number(name.encode()) for name in names), np.int64)
