"""Observations as arrays: of each metric and user what came first, in the order of arrival."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from registry.experiment_events import Arrival, Observation
from serving.experiments.arm_differences import Array, Counts, Flags
from serving.experiments.opening import CALLER

BURN_IN = 100  # users of the champion, from whom it is told what is slow and long
QUANTILE = 0.95


@dataclass(frozen=True)
class ArmSeries:
    """A metric's values. Of a shadow, the champion's and the shadow's in turn."""

    challenger: Flags
    values: Array

    def mean(self, *, challenger: bool) -> float:
        own = self.values[self.challenger == challenger]
        return float(own.mean()) if len(own) else 0.0

    def count(self, *, challenger: bool) -> int:
        return int((self.challenger == challenger).sum())

    def after(self, start: int) -> "ArmSeries":
        return ArmSeries(self.challenger[start:], self.values[start:])


@dataclass
class GrowingSeries:
    """The same while it grows."""

    users: set[str] = field(default_factory=set)
    callers: list[str] = field(default_factory=list)  # whose user each is
    challenger: list[bool] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def append(self, challenger: bool, value: float) -> None:
        self.challenger.append(challenger)
        self.values.append(value)


@dataclass
class Arrivals:
    """All of an experiment that was read so far."""

    shadow: bool
    newest: int = 0  # number of the newest observation
    count: int = 0  # of all
    arms: dict[str, bool] = field(default_factory=dict)  # of each user's first answer
    both_arms: set[str] = field(default_factory=set)
    columns: dict[str, GrowingSeries] = field(default_factory=dict)
    # Of a shadow: the first half of a pair, by metric and user.
    halves: dict[tuple[str, str], tuple[bool, float]] = field(default_factory=dict)

    def add(self, found: Iterable[Arrival]) -> None:
        for one in found:
            self.newest, self.count = one.id, self.count + 1
            challenger = one.arm != "champion"
            user = user_of(one.unit)
            if self.arms.setdefault(user, challenger) != challenger:
                self.both_arms.add(user)
            if self.shadow:
                self.pair(one, challenger)
            else:
                self.first(one, challenger)

    def knows(self, one: Observation) -> bool:
        """Whether an observation would certainly add nothing."""
        column = self.columns.get(one.metric)
        user = user_of(one.unit)
        if self.shadow or column is None or user not in column.users:
            return False
        return self.arms.get(user) == (one.arm != "champion")

    def first(self, one: Arrival, challenger: bool) -> None:
        column = self.columns.setdefault(one.metric, GrowingSeries())
        user = user_of(one.unit)
        if user not in column.users:
            column.users.add(user)
            column.callers.append(one.unit[:CALLER])
            column.append(challenger, one.value)

    def pair(self, one: Arrival, challenger: bool) -> None:
        """Pair an observation: of each user, metric and arm there is one in the table, so the
        second makes the pair.
        """
        key = (one.metric, one.unit)
        other = self.halves.pop(key, None)
        if other is None:
            self.halves[key] = (challenger, one.value)
            return
        column = self.columns.setdefault(one.metric, GrowingSeries())
        for half in sorted([other, (challenger, one.value)]):
            column.append(*half)

    def series(self, metric: str) -> ArmSeries:
        return series_of(self.columns.get(metric, GrowingSeries()))

    def callers(self, metric: str) -> Counts:
        """Whose user each value of a metric is of, as numbers [T]."""
        names = self.columns.get(metric, GrowingSeries()).callers
        numbers: Counts = np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1]
        return numbers

    def users(self) -> ArmSeries:
        """Everybody who was answered, in the arm of the first answer."""
        arms = np.array(list(self.arms.values()), dtype=np.bool_)
        return ArmSeries(arms, np.zeros(len(arms)))


def user_of(unit: str) -> str:
    return unit[CALLER:]


def series_of(column: GrowingSeries) -> ArmSeries:
    return ArmSeries(
        np.array(column.challenger, dtype=np.bool_), np.array(column.values, dtype=np.float64)
    )


def limited(found: ArmSeries, *, pairs: bool) -> tuple[ArmSeries, float | None]:
    """Whether each value is above the champion's 95th percentile, and that percentile.

    It is told from the first BURN_IN users of the champion. These, and who came among them, count
    for nothing else, so that the limit was known before every value that is held against it.
    """
    own = np.flatnonzero(~found.challenger)[:BURN_IN]
    if len(own) < BURN_IN:
        return found.after(len(found.values)), None
    limit = float(np.quantile(found.values[own], QUANTILE))
    rest = found.after(int(own[-1]) + (2 if pairs else 1))
    return ArmSeries(rest.challenger, (rest.values > limit).astype(np.float64)), limit
