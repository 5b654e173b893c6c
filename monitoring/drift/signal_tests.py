"""Tests of several signals on the same units, and what they say together."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from monitoring.drift.effect_size import moved_share
from monitoring.drift.permutation import Pool, p_value
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
    """Drift is both: p at most the level, and an effect that matters."""
    now, before = current.having(signal.name), reference.having(signal.name)
    now, before = now.within(before.strata), before.within(now.strata)
    p, effect, verdict = 1.0, 0.0, DriftVerdict.INSUFFICIENT
    if min(len(now), len(before)) >= minimum_units:
        columns = now.columns[signal.name], before.columns[signal.name]
        strata = now.strata, before.strata
        effect = moved_share(*columns, *strata, direction=signal.direction, shares=signal.shares)
        matters = effect >= minimum_effect
        known = (now.users, before.users) if len(now.users) and len(before.users) else None
        pool = Pool.of(*columns, *strata, known)
        p = p_value(pool, signal.direction, level=level, matters=matters, rng=rng)
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
    )


def overall(found: Iterable[SignalReading]) -> DriftVerdict:
    """Drift where one signal says so; insufficient where none could say anything."""
    verdicts = {reading.verdict for reading in found}
    if DriftVerdict.DRIFT in verdicts:
        return DriftVerdict.DRIFT
    return DriftVerdict.NO_DRIFT if DriftVerdict.NO_DRIFT in verdicts else DriftVerdict.INSUFFICIENT
