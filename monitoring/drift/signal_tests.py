"""Tests of several signals on the same units, and what they say together."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from monitoring.drift.day_noise import k_of, noise_of, widened
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
    """Drift is both: p at most the level, and an effect that matters.

    p is the larger of two: of a random choice of units, and of days like the reference's.
    """
    noise = noise_of(reference, signal.name)
    now, before = current.having(signal.name), reference.having(signal.name)
    now, before = now.within(before.strata), before.within(now.strata)
    p, effect, spread, verdict = 1.0, 0.0, 1.0, DriftVerdict.INSUFFICIENT
    if now.has_voices(minimum_units) and before.has_voices(minimum_units):
        columns = now.columns[signal.name], before.columns[signal.name]
        strata = now.strata, before.strata
        effect = moved_share(*columns, *strata, direction=signal.direction, shares=signal.shares)
        matters = effect >= minimum_effect
        known = (now.users, before.users) if len(now.users) and len(before.users) else None
        pool = Pool.of(*columns, *strata, known)
        of_days = 0.0
        if noise is not None and len(now.days):
            k, sums = k_of(now, before), pool.sums * widened(*columns, *strata)
            of_days, spread = noise.p_value(sums, k, signal.direction), noise.spread(k)
        counted = matters and of_days <= level
        p = p_value(pool, signal.direction, level=level, matters=counted, rng=rng)
        p = max(p, of_days)
        drifted = matters and p <= level
        verdict = DriftVerdict.DRIFT if drifted else DriftVerdict.NO_DRIFT
    return SignalReading(
        signal=signal.name,
        nights=nights,
        n=len(now),
        reference_n=len(before),
        p=p,
        level=level,
        effect=effect,
        verdict=verdict,
        spread=spread,
    )


def overall(found: Iterable[SignalReading]) -> DriftVerdict:
    """Drift where one signal says so; insufficient where none could say anything."""
    verdicts = {reading.verdict for reading in found}
    if DriftVerdict.DRIFT in verdicts:
        return DriftVerdict.DRIFT
    return DriftVerdict.NO_DRIFT if DriftVerdict.NO_DRIFT in verdicts else DriftVerdict.INSUFFICIENT
