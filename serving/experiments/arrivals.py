"""What arrives of an experiment, and the differences between its arms."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.experiment_events import Arrival, Observation
from serving.experiments.opening import CALLER

# --- arm differences ------------------------------------------------------------------------------

# The difference between two arms, as one number an answer whose mean it is.
#
# Assigned at random: user t gets the challenger (A = 1) with chance π, the share, and the value Y
# in [0, 1] is what came of it. With a number m that is known before,
#
#     X = (Y − m) / π  where A = 1,  and  −(Y − m) / (1 − π)  where A = 0
#
# has the mean r_challenger − r_champion given all that came before (Horvitz & Thompson 1952),
# whatever those rates are, and however they drift from user to user. Here m is the mean of the
# values before, which makes X vary least.
#
# Side by side, as in a shadow: both answered the same request, and X is challenger − champion.

Array = NDArray[np.float64]
Counts = NDArray[np.intp]
Flags = NDArray[np.bool_]  # True: the challenger

IMAGINED = 2.0  # values of a half, before the first one
EDGE = 0.01  # the mean before is never nearer to 0 or 1


@dataclass(frozen=True)
class Differences:
    """The differences for each of T users; all but `found` is known before the value is."""

    found: Array  # X
    least: Array  # that it can be, under 0
    most: Array  # above 0
    variance: Array  # as far as it can be told before

    def turned(self) -> "Differences":
        """The differences as if the arms had each other's names."""
        return Differences(-self.found, -self.most, -self.least, self.variance)


def at_random(challenger: Flags, values: Array, share: float) -> Differences:
    """The differences of users who were assigned by the share; `challenger` and `values` are [...,
    T].
    """
    mean = mean_before(values)
    up, down = (values - mean) / share, -(values - mean) / (1 - share)
    return Differences(
        found=np.where(challenger, up, down),
        least=-np.maximum(mean / share, (1 - mean) / (1 - share)),
        most=np.maximum((1 - mean) / share, mean / (1 - share)),
        variance=mean * (1 - mean) / (share * (1 - share)),
    )


def side_by_side(challenger: Array, champion: Array) -> Differences:
    """The differences of users who were answered by both."""
    differences = challenger - champion
    ones = np.ones_like(differences)
    return Differences(differences, -ones, ones, np.maximum(mean_before(differences**2), EDGE))


def mean_before(values: Array) -> Array:
    """The mean of the values before each one, drawn a little towards a half."""
    count: NDArray[Any] = np.arange(values.shape[-1])
    before = np.cumsum(values, axis=-1) - values
    mean: Array = np.clip((before + IMAGINED / 2) / (count + IMAGINED), EDGE, 1 - EDGE)
    return mean


# --- arrivals -------------------------------------------------------------------------------------

# Observations as arrays: of each metric and user what came first, in the order of arrival.

BURN_IN = 100  # users of the champion, from whom it is told what is slow and long
QUANTILE = 0.95


@dataclass(frozen=True)
class ArmSeries:
    """A metric's values. Of a shadow, the champion's and the shadow's in turn."""

    challenger: Flags
    values: Array

    def mean(self, *, challenger: bool) -> float:
        values = self.values[self.challenger == challenger]
        return float(values.mean()) if len(values) else 0.0

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

    def add(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            self.newest, self.count = arrival.id, self.count + 1
            challenger = arrival.arm != "champion"
            user = user_of(arrival.unit)
            if self.arms.setdefault(user, challenger) != challenger:
                self.both_arms.add(user)
            if self.shadow:
                self.pair(arrival, challenger)
            else:
                self.first(arrival, challenger)

    def knows(self, observation: Observation) -> bool:
        """Whether an observation would certainly add nothing."""
        column = self.columns.get(observation.metric)
        user = user_of(observation.unit)
        if self.shadow or column is None or user not in column.users:
            return False
        return self.arms.get(user) == (observation.arm != "champion")

    def first(self, arrival: Arrival, challenger: bool) -> None:
        column = self.columns.setdefault(arrival.metric, GrowingSeries())
        user = user_of(arrival.unit)
        if user not in column.users:
            column.users.add(user)
            column.callers.append(arrival.unit[:CALLER])
            column.append(challenger, arrival.value)

    def pair(self, arrival: Arrival, challenger: bool) -> None:
        """Pair an observation: of each user, metric and arm there is one in the table, so the
        second makes the pair.
        """
        key = (arrival.metric, arrival.unit)
        other = self.halves.pop(key, None)
        if other is None:
            self.halves[key] = (challenger, arrival.value)
            return
        column = self.columns.setdefault(arrival.metric, GrowingSeries())
        for half in sorted([other, (challenger, arrival.value)]):
            column.append(*half)

    def series(self, metric: str) -> ArmSeries:
        column = self.columns.get(metric, GrowingSeries())
        return ArmSeries(
            np.array(column.challenger, dtype=np.bool_), np.array(column.values, dtype=np.float64)
        )

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


def limited(series: ArmSeries, *, pairs: bool) -> tuple[ArmSeries, float | None]:
    """Whether each value is above the champion's 95th percentile, and that percentile.

    It is told from the first BURN_IN users of the champion. These, and who came among them, count
    for nothing else, so that the limit was known before every value that is held against it.
    """
    places = np.flatnonzero(~series.challenger)[:BURN_IN]
    if len(places) < BURN_IN:
        return series.after(len(series.values)), None
    limit = float(np.quantile(series.values[places], QUANTILE))
    rest = series.after(int(places[-1]) + (2 if pairs else 1))
    return ArmSeries(rest.challenger, (rest.values > limit).astype(np.float64)), limit
