"""Like with like: which rows are compared with which, by the kind of day and the time of day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import numpy as np

from monitoring.monitoring_settings import Weekday
from monitoring.signals.signal import Ints, Times

Cut = Literal["hour", "weekday", "none"]  # how finely traffic is cut by time
# As finely as the reference has enough for: the finer, the fewer rows that a strange hour hides in.
FINEST: Cut = "hour"
DAYS, HOURS = 7, 24
QUARTERS = (0.25, 0.5, 0.75)  # of a day's traffic
OFTEN = 3  # each weekday: fewer do not show how much the days of a weekday differ


@dataclass(frozen=True)
class Season:
    """Strata of time: weekdays or two kinds of them, and parts of the day, as much traffic in each.

    When more is asked at night than usual, that is no drift; that other things are asked at night
    than at other nights is.
    """

    weekly: bool = False  # whether each weekday is a stratum
    hours: tuple[float, ...] = ()  # of the day, UTC: where its later parts begin
    weekend: tuple[int, ...] = ()  # weekdays, Monday 0, that are another stratum than the others

    @classmethod
    def fit(cls, times: Times, finest: Cut, least: int, weekend: Sequence[Weekday] = ()) -> Self:
        """The finest cut up to `finest` whose strata all have enough rows, by times [n] as
        `strata` takes them.

        A weekday must be there OFTEN and have enough for `least` in each half of a reference, a
        part of one `least` in all: a test pools the parts of a day. Else a weekend's days are
        apart, where they have enough, or where a weekday is missing: a Saturday is not compared
        with workdays alone.
        """
        whole = cls.of_days(times, finest, least, numbers_of(weekend))
        quarters = np.unique(np.quantile(times % HOURS, QUARTERS).astype(np.float32))
        parted = replace(whole, hours=tuple(quarters.tolist()))
        return parted if finest == "hour" and parted.fewest(times) >= least else whole

    @classmethod
    def of_days(cls, times: Times, finest: Cut, least: int, weekend: tuple[int, ...]) -> Self:
        weekly, kinds = cls(weekly=True), cls(weekend=weekend)
        days = np.unique(days_of(times))
        each = np.bincount(days % DAYS, minlength=DAYS)
        if not each.all():
            return kinds
        if finest == "none":
            return cls()
        if each.min() >= OFTEN and weekly.fewest(times) >= 3 * least:
            return weekly
        return kinds if kinds.fewest(times) >= 3 * least else cls()

    @property
    def kinds(self) -> int:
        """The number of kinds of days."""
        return DAYS if self.weekly else 2 if self.weekend else 1

    @property
    def count(self) -> int:
        return self.kinds * (len(self.hours) + 1)

    def strata(self, times: Times) -> Ints:
        """The stratum of each row, by its hours since any Monday, 0:00 UTC [n]."""
        part = np.searchsorted(self.hours, times % HOURS, side="right")
        strata: Ints = np.asarray(self.kind(times) * (len(self.hours) + 1) + part, np.int64)
        return strata

    def kind(self, times: Times) -> Ints:
        """The kind of each row's day [n]."""
        weekdays = days_of(times) % DAYS
        return weekdays if self.weekly else np.isin(weekdays, self.weekend).astype(np.int64)

    def fewest(self, times: Times) -> int:
        """How many rows the smallest stratum has, among the kinds of day that are there."""
        counts = np.bincount(self.strata(times), minlength=self.count).reshape(self.kinds, -1)
        return int(counts[counts.any(1)].min())


def days_of(times: Times) -> Ints:
    """The day of each row, where a Monday is 0 or any multiple of 7 [n]."""
    return (times // HOURS).astype(np.int64)


def numbers_of(weekdays: Sequence[Weekday]) -> tuple[int, ...]:
    names = get_args(Weekday)
    return tuple(sorted(names.index(weekday) for weekday in weekdays))


ALWAYS = Season()  # one stratum
