"""The tests of signals, and how large a change is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from math import log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitoring.drift.day_noise import (
    OddDays,
    k_of,
    noise_of,
    noise_of_kind,
    odd_days,
    widened,
)
from monitoring.drift.matched_sets import MatchedPool
from monitoring.drift.permutation import p_value
from monitoring.drift.user_days import SignalUnits, UserDays
from monitoring.signals.signal import Direction, Ints, Signal
from project.records.drift import DriftVerdict, Night, SignalReading

# --- signal tests ---------------------------------------------------------------------------------

# Tests of several signals on the same units, and what they say together.


def shared_out(budget: float, signals: Sequence[Signal]) -> dict[str, float]:
    """Each signal's part of a level. P(any signal is below its own) ≤ budget: Bonferroni's bound,
    which holds however the signals depend on one another.
    """
    total = sum(signal.weight for signal in signals)
    return {signal.name: budget * signal.weight / total for signal in signals}


MINIMUM_UNITS = 50  # of a stratum: a part of them that moved by 2 % is one of fifty
# Of a window, on each side. A test of fewer is valid too, but finds next to nothing: of 25 users it
# takes half of what they ask to be new.
FEWEST_USERS = 25


def signal_tests(
    signals: Iterable[Signal],
    current: UserDays,
    reference: UserDays,
    levels: Mapping[str, float],
    *,
    nights: int,
    minimum_effect: float,
    rng: np.random.Generator,
) -> Iterator["SignalTest"]:
    """Yield the test of each signal, over units of `nights` nights."""
    for signal in signals:
        yield SignalTest(
            signal,
            current,
            reference,
            levels[signal.name],
            nights=nights,
            minimum_effect=minimum_effect,
            rng=rng,
        )


@dataclass(frozen=True)
class SignalTest:
    """One signal's test: drift is both, p at most the level and an effect that matters.

    Each part is found when it is first asked for: a verdict alone seldom needs a p. What is asked
    for changes no result, as long as a test is done with before the next one: they share rng.
    """

    signal: Signal
    current: UserDays
    reference: UserDays
    level: float
    _: KW_ONLY
    nights: int
    minimum_effect: float
    rng: np.random.Generator

    @property
    def reading(self) -> SignalReading:
        """All that the test says."""
        told = self.can_tell
        return SignalReading(
            signal=self.signal.name,
            nights=self.nights,
            n=len(self.now),
            reference_n=len(self.before),
            p=self.p if told else 1.0,
            level=self.level,
            effect=self.effect if told else 0.0,
            verdict=self.verdict,
            spread=self.of_days.spread if told else 1.0,
        )

    @property
    def verdict(self) -> DriftVerdict:
        if not self.can_tell:
            return DriftVerdict.INSUFFICIENT
        return (
            DriftVerdict.DRIFT if self.matters and self.p <= self.level else DriftVerdict.NO_DRIFT
        )

    @cached_property
    def can_tell(self) -> bool:
        """Whether neither side has too few users."""
        sides = self.now, self.before
        return all(side.has_voices(FEWEST_USERS) for side in sides)

    @cached_property
    def now(self) -> SignalUnits:
        name = self.signal.name
        return self.current.having(name).like(self.reference.having(name))

    @cached_property
    def before(self) -> SignalUnits:
        return self.reference.having(self.signal.name).like(self.now)

    @cached_property
    def effect(self) -> float:
        signal = self.signal
        return moved_share(self.now, self.before, direction=signal.direction, shares=signal.shares)

    @property
    def matters(self) -> bool:
        return self.effect >= self.minimum_effect

    @cached_property
    def p(self) -> float:
        """What would be drift is compared with the reference's odd days; the larger p counts."""
        alone = self.p_alone
        if not self.matters or alone > self.level:
            return alone
        odd = odd_days(self.now, self.reference.having(self.signal.name))
        if odd is None:
            return alone
        beside = self.beside(odd)
        return max(alone, beside.p_alone if beside.matters else 1.0)

    @cached_property
    def p_alone(self) -> float:
        """The larger of two: of a random choice of units, and of days like the reference's."""
        of_days, direction = self.of_days.p, self.signal.direction
        counted = self.matters and of_days <= self.level
        p = p_value(self.pool, direction, level=self.level, matters=counted, rng=self.rng)
        return max(p, of_days)

    def beside(self, odd: OddDays) -> "SignalTest":
        """The same test, where nights like odd days and those days are a stratum of their own."""
        sides = self.current, self.reference
        stratum = 1 + max(int(side.strata.max()) for side in sides)
        current, reference = (
            replace(side, strata=np.where(np.isin(side.days, days), stratum, side.strata))
            for side, days in zip(sides, odd, strict=True)
        )
        return replace(self, current=current, reference=reference)

    @cached_property
    def pool(self) -> MatchedPool:
        now, before = self.now, self.before
        known = (now.users, before.users) if len(now.users) and len(before.users) else None
        return MatchedPool.of(now.columns, before.columns, now.strata, before.strata, known)

    @cached_property
    def of_days(self) -> "OfDays":
        noise = noise_of(self.reference, self.signal.name)
        if noise is None or not len(self.now.days):
            return OfDays()
        k = k_of(self.now, self.before)
        sums = self.pool.sums * widened(self.now, self.before)
        of_kind = noise_of_kind(self.reference, self.signal.name, tuple(self.now.kinds.tolist()))
        noises = [day_noise for day_noise in (noise, of_kind) if day_noise]
        p = max(day_noise.p_value(sums, k, self.signal.direction) for day_noise in noises)
        return OfDays(p, max(day_noise.spread(k) for day_noise in noises))


class OfDays(NamedTuple):
    """What days like the reference's say of the sums."""

    p: float = 0.0
    spread: float = 1.0


def overall(readings: Iterable[SignalReading]) -> DriftVerdict:
    """Drift where one signal says so; insufficient where none could say anything."""
    verdicts = {reading.verdict for reading in readings}
    if DriftVerdict.DRIFT in verdicts:
        return DriftVerdict.DRIFT
    return DriftVerdict.NO_DRIFT if DriftVerdict.NO_DRIFT in verdicts else DriftVerdict.INSUFFICIENT


# --- night runs -----------------------------------------------------------------------------------

# Nights in a row that say the same.


def drift_run(nights: Sequence[Night]) -> list[Night]:
    """The nights of drift in a row that end with the last night; silent ones are left out."""
    run: list[Night] = []
    for night in reversed(nights):
        if night.verdict is DriftVerdict.DRIFT:
            run.append(night)
        elif night.verdict is DriftVerdict.NO_DRIFT:
            break
    return run[::-1]


# --- effect size ----------------------------------------------------------------------------------

# How much has changed, whatever the number of rows: the share of traffic that moved.

Weights = NDArray[np.float64]


def moved_share(
    now: SignalUnits, before: SignalUnits, *, direction: Direction, shares: bool
) -> float:
    """A lower bound, chance aside, on the share of the traffic that is not as it was; 0 to 1.

    For shares it is their total variation distance, ½ Σ |p − q|; else the distance between the
    distribution functions (Kolmogorov–Smirnov) of the column whose mean moved most, upward only
    for direction "up". Both are at most the share of rows that would have to change to make one
    the other. What chance alone would show is taken off. The reference's strata are weighted as
    tonight's: those of both are the same.
    """
    if not len(now):
        return 0.0
    weights = like_weights(now.strata, before.strata)
    effective = 1 / (1 / len(now) + float((weights**2).sum()))
    if shares:
        usual = weights @ before.columns
        # Of zeros and ones float32 has the exact sum.
        return shares_moved(now.columns.sum(0) / np.float64(len(now)), usual, effective)
    moved = gap(now, before, weights, most_moved(now, before, weights), direction)
    sides = now.columns.shape[1] * (1 if direction == "up" else 2)
    # The median of the largest of so many, by P(D > x) ≤ exp(−2 n x²) on each side (Massart 1990).
    return max(0.0, moved - sqrt(log(sides / log(2)) / (2 * effective)))


def shares_moved(now: Weights, usual: Weights, effective: float) -> float:
    """The total variation distance of two lists of shares, chance aside [kinds]; effective is the
    number of rows that would tell as much.

    It is half of all differences, of which chance in many kinds hides a few that are gone. It is
    also the sum of what fell; no share u falls by more than u, so that is at least Σ fell² / u, of
    which chance is half of a χ² and large falls are most. The larger of the two is taken.
    """
    variance = usual * (1 - np.minimum(usual, 1)) / effective
    moved = np.abs(now - usual).sum() / 2 - np.sqrt(variance).sum() / sqrt(2 * np.pi)
    known = np.maximum(usual, 1e-12)
    gone = (np.maximum(usual - now, 0) ** 2 / known).sum() - (variance / known).sum() / 2
    return max(0.0, float(moved), float(gone))


def like_weights(strata: Ints, reference_strata: Ints) -> Weights:
    """The weights of the reference's units, by which its strata weigh as tonight's [m]."""
    most = 1 + max(int(strata.max(initial=0)), int(reference_strata.max(initial=0)))
    now, before = (np.bincount(side, minlength=most) for side in (strata, reference_strata))
    weights: Weights = (now / max(len(strata), 1) / np.maximum(before, 1))[reference_strata]
    return weights


def most_moved(now: SignalUnits, before: SignalUnits, weights: Weights) -> int:
    """The column whose mean moved most, in standard deviations."""
    if now.columns.shape[1] == 1:
        return 0
    moved = np.abs(now.columns.mean(0, dtype=np.float64) - weights @ before.columns)
    return int((moved / np.maximum(before.deviations, 1e-12)).argmax())


def gap(
    now: SignalUnits, before: SignalUnits, weights: Weights, column: int, direction: Direction
) -> float:
    """How far tonight's distribution function lies below the reference's, or from it."""
    reference = before.columns[:, column]
    order = before.order if column == 0 else np.argsort(reference, kind="stable")
    known, tonight = reference[order], np.sort(now.columns[:, column])
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    points = np.sort(np.concatenate([known, tonight]))  # sorted ones are found much faster
    there = np.searchsorted(tonight, points, side="right") / len(tonight)
    apart = below[np.searchsorted(known, points, side="right")] - there
    return float(apart.max() if direction == "up" else np.abs(apart).max())
