"""Like with like: which rows are compared with which, by the weekday and the time of day."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from monitoring.monitoring_settings import Cut
from monitoring.signals.array_types import Floats, Ints

DAYS, HOURS = 7, 24
QUARTERS = (0.25, 0.5, 0.75)  # of a day's traffic


@dataclass(frozen=True)
class Season:
    """Strata of time: weekdays, and parts of the day that have about as much traffic each.

    When more is asked at night than usual, that is no drift; that other things are asked at night
    than at other nights is.
    """

    weekly: bool = False
    hours: tuple[float, ...] = ()  # of the day, UTC: where its later parts begin

    @classmethod
    def fit(cls, times: Floats, finest: Cut, least: int) -> Self:
        """The finest cut up to `finest` whose strata all have enough rows, by times [n] as
        `strata` takes them.

        A weekday must have enough for `least` in each half of a reference, a part of one `least`
        in all: a test pools the parts of a day.
        """
        weekly = cls(weekly=True)
        whole = weekly if finest != "none" and weekly.fewest(times) >= 3 * least else cls()
        quarters = np.unique(np.quantile(times % HOURS, QUARTERS).astype(np.float32))
        parted = cls(whole.weekly, tuple(quarters.tolist()))
        return parted if finest == "hour" and parted.fewest(times) >= least else whole

    @property
    def count(self) -> int:
        return (DAYS if self.weekly else 1) * (len(self.hours) + 1)

    def strata(self, times: Floats) -> Ints:
        """The stratum of each row, by its hours since Monday, 0:00 UTC [n]."""
        part = np.searchsorted(self.hours, times % HOURS, side="right")
        day = (times // HOURS).astype(np.int64) if self.weekly else 0
        strata: Ints = np.asarray(day * (len(self.hours) + 1) + part, np.int64)
        return strata

    def fewest(self, times: Floats) -> int:
        """How many rows the smallest stratum has."""
        return int(np.bincount(self.strata(times), minlength=self.count).min())


ALWAYS = Season()  # one stratum
