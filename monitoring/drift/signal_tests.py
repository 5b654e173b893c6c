"""Tests of several signals on the same units, and what they say together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from monitoring.drift.day_noise import DayNoise, k_of, noise_of, widened
from monitoring.drift.effect_size import moved_share
from monitoring.drift.permutation import p_value
from monitoring.drift.pool import Pool
from monitoring.drift.user_days import UserDays
from monitoring.signals.signal import Signal
from project.records.drift import DriftVerdict, SignalReading


def shared_out(budget: float, signals: Sequence[Signal]) -> dict[str, float]:
    """Each signal's part of a level. P(any signal is below its own) ≤ budget: Bonferroni's bound,
    which holds however the signals depend on one another.
    """
    total = sum(signal.weight for signal in signals)
    return {signal.name: budget * signal.weight / total for signal in signals}


def readings(
    signals: Iterable[Signal],
    current: UserDays,
    reference: UserDays,
    levels: Mapping[str, float],
    *,
    nights: int,
    minimum_units: int,
    minimum_effect: float,
    rng: np.random.Generator,
) -> tuple[SignalReading, ...]:
    """One reading of each signal, over units of `nights` nights."""
    return tuple(
        read(
            signal,
            current,
            reference,
            levels[signal.name],
            nights=nights,
            minimum_units=minimum_units,
            minimum_effect=minimum_effect,
            rng=rng,
        )
        for signal in signals
    )


def read(
    signal: Signal,
    current: UserDays,
    reference: UserDays,
    level: float,
    *,
    nights: int,
    minimum_units: int,
    minimum_effect: float,
    rng: np.random.Generator,
) -> SignalReading:
    """One signal's; insufficient where one side has too few users."""
    now, before = current.having(signal.name), reference.having(signal.name)
    now, before = now.within(before.strata), before.within(now.strata)
    found = NOT_TESTED
    if now.has_voices(minimum_units) and before.has_voices(minimum_units):
        noise = noise_of(reference, signal.name)
        found = tested(signal, now, before, noise, level, minimum_effect, rng)
    return SignalReading(
        signal=signal.name,
        nights=nights,
        n=len(now),
        reference_n=len(before),
        level=level,
        **found._asdict(),
    )


class Found(NamedTuple):
    """What a test says; SignalReading explains each."""

    p: float
    effect: float
    spread: float
    verdict: DriftVerdict


NOT_TESTED = Found(p=1.0, effect=0.0, spread=1.0, verdict=DriftVerdict.INSUFFICIENT)


def tested(
    signal: Signal,
    now: UserDays,
    before: UserDays,
    noise: DayNoise | None,
    level: float,
    minimum_effect: float,
    rng: np.random.Generator,
) -> Found:
    """Drift is both: p at most the level, and an effect that matters.

    p is the larger of two: of a random choice of units, and of days like the reference's.
    """
    columns = now.columns[signal.name], before.columns[signal.name]
    strata = now.strata, before.strata
    effect = moved_share(*columns, *strata, direction=signal.direction, shares=signal.shares)
    matters = effect >= minimum_effect
    known = (now.users, before.users) if len(now.users) and len(before.users) else None
    pool = Pool.of(*columns, *strata, known)
    of_days, spread = 0.0, 1.0
    if noise is not None and len(now.days):
        k, sums = k_of(now, before), pool.sums * widened(*columns, *strata)
        of_days, spread = noise.p_value(sums, k, signal.direction), noise.spread(k)
    counted = matters and of_days <= level
    p = p_value(pool, signal.direction, level=level, matters=counted, rng=rng)
    p = max(p, of_days)
    verdict = DriftVerdict.DRIFT if matters and p <= level else DriftVerdict.NO_DRIFT
    return Found(p, effect, spread, verdict)


def overall(found: Iterable[SignalReading]) -> DriftVerdict:
    """Drift where one signal says so; insufficient where none could say anything."""
    verdicts = {reading.verdict for reading in found}
    if DriftVerdict.DRIFT in verdicts:
        return DriftVerdict.DRIFT
    return DriftVerdict.NO_DRIFT if DriftVerdict.NO_DRIFT in verdicts else DriftVerdict.INSUFFICIENT
