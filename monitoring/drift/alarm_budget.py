"""Every night's tests under one budget: at most so many false alarms a year, in expectation.

Each test of a signal over a window of nights, on each night, has a level, and the levels of a year
sum to the budget. A test's p-value is valid on every night by itself, so the expected number of
false alarms is at most the sum of the levels, however the nights depend on one another: and they
do, since they share one reference and their windows overlap. docs/drift.md has the proof.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from monitoring.drift.signal_tests import SignalTest, shared_out, signal_tests
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import DriftParams
from monitoring.signals.signal import Signal

NIGHTS = 365.25  # a year


def night_tests(
    signals: Sequence[Signal],
    nights: Sequence[UserDays],
    reference: UserDays,
    params: DriftParams,
    rng: np.random.Generator,
    *,
    among: Sequence[Signal] | None = None,
) -> Iterator[SignalTest]:
    """Yield each signal's test over each window of nights, of which tonight is the last.

    among are all the signals that share the budget, where some are read apart: they have another
    reference.
    """
    budget = params.false_alarms_per_year / NIGHTS
    for window, share in shares(params.windows).items():
        if window > 1 and len(nights) <= shorter(window, params.windows):
            return  # it would be the shorter window again
        yield from signal_tests(
            signals,
            pooled(nights[-window:], reference, rng),
            reference,
            shared_out(budget * float(share), among or signals),
            nights=min(window, len(nights)),
            minimum_units=params.minimum_units,
            minimum_effect=params.minimum_effect,
            rng=rng,
        )


def pooled(nights: Sequence[UserDays], reference: UserDays, rng: np.random.Generator) -> UserDays:
    """The units of several nights, each of a day of its own."""
    own = [replace(units, days=np.full(len(units), day)) for day, units in enumerate(nights)]
    # More than this adds nothing: the reference's own chance dominates.
    return UserDays.some_of(own, 4 * len(reference), rng)


def shares(windows: Sequence[int]) -> dict[int, Fraction]:
    """Each window's part of the budget; one night has twice that of any other."""
    total = len(windows) + 1
    return {window: Fraction(2 if window == 1 else 1, total) for window in windows}


def shorter(window: int, windows: Sequence[int]) -> int:
    return max(other for other in windows if other < window)
