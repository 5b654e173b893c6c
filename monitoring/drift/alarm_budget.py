"""Every night's tests under one budget: at most so many false alarms a year, in expectation.

Each test of a signal over a window of nights, on each night, has a level, and the levels of a year
sum to the budget. A test's p-value is valid on every night by itself, so the expected number of
false alarms is at most the sum of the levels, however the nights depend on one another: and they
do, since they share one reference and their windows overlap. docs/explain/drift.md has the proof.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np

from monitoring.drift.reference import Reference
from monitoring.drift.reference_store import FrozenReference, References
from monitoring.drift.signal_tests import SignalTest, drift_run, shared_out, signal_tests
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import DriftParams
from monitoring.night_context import SEED, NightContext
from monitoring.signals.signal import Signal
from project.records.adapters import AdapterVersion
from project.records.drift import DriftState, DriftVerdict, Night, SignalReading

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
            minimum_effect=params.minimum_effect,
            rng=rng,
        )


def pooled(nights: Sequence[UserDays], reference: UserDays, rng: np.random.Generator) -> UserDays:
    """The units of several nights, each of a day of its own."""
    user_days = [replace(units, days=np.full(len(units), day)) for day, units in enumerate(nights)]
    # More than this adds nothing: the reference's own chance dominates.
    return UserDays.some_of(user_days, 4 * len(reference), rng)


def shares(windows: Sequence[int]) -> dict[int, Fraction]:
    """Each window's part of the budget; one night has twice that of any other."""
    total = len(windows) + 1
    return {window: Fraction(2 if window == 1 else 1, total) for window in windows}


def shorter(window: int, windows: Sequence[int]) -> int:
    return max(other for other in windows if other < window)


# --- confirmation ---------------------------------------------------------------------------------

# Is what alarmed there again on the days after the alarm, looked at by themselves?
#
# Windows overlap: one odd day is drift for as many nights as the longest window has days. So a
# later night confirms nothing by being drift; the signals that alarmed are tested once more, on the
# units of later days alone.

LEVEL = 0.05  # of a suspicion that one odd day raised: the chance that it is ever confirmed
OWN_DRAWS = 1  # a stream of random numbers beside that of the night's readings


def confirm(
    context: NightContext,
    champion: AdapterVersion,
    references: References,
    day: date,
    days: Sequence[date],
    nights: Sequence[Night],
) -> tuple[SignalReading, ...]:
    """Of an unconfirmed night of drift: what the days after its first alarm say by themselves."""
    if not nights or nights[-1].state in (DriftState.CONFIRMED, DriftState.ACT):
        return ()

    def units_of(frozen: FrozenReference) -> Callable[[date], UserDays]:
        return lambda when: frozen.units_of(when, context, champion)

    watched = [(frozen.reference, units_of(frozen)) for frozen in references.all]
    return tuple(seen_later(watched, [*days, day], nights, context.drift))


def seen_later(
    watched: Iterable[tuple[Reference, Callable[[date], UserDays]]],
    days: Sequence[date],
    nights: Sequence[Night],
    params: DriftParams,
) -> Iterator[SignalReading]:
    """Yield a reading of each signal that alarmed earlier in this run of drift nights, on the units
    of the days after its first alarm.

    watched are references, each with the units of a day; days are those with rows, tonight's the
    last one, and own the nights before it under the same reference, oldest first.

    The levels of a suspicion, from the first night of drift until it is calm again, sum to at most
    LEVEL: the k-th try has LEVEL / (k (k + 1)), shared evenly by the signals that it tests. So
    where one day was odd and those after it are like the reference, the suspicion is confirmed with
    a chance of at most LEVEL, however long the windows keep it alive. An alarm by an unlucky
    reference is different: later days are compared with the same one, and may well confirm it.
    Alarms of both kinds are in the yearly budget, of which confirmed ones are a part.
    """
    first = first_alarms(nights)
    levels = dict.fromkeys(first, level_of(tries(nights) + 1) / max(len(first), 1))
    rng = np.random.default_rng([SEED, days[-1].toordinal(), OWN_DRAWS])
    for reference, units_of in watched:
        for since, signals in alarmed(reference, first).items():
            later = [day for day in days if day > since]
            tests = signal_tests(
                signals,
                pooled([units_of(day) for day in later], reference.units, rng),
                reference.units,
                levels,
                nights=len(later),
                minimum_effect=params.minimum_effect,
                rng=rng,
            )
            yield from (test.reading for test in tests)


def level_of(attempt: int) -> float:
    """The level of the k-th try from 1 on: 1 / (k (k + 1)) = 1/k − 1/(k + 1); they sum to 1."""
    return LEVEL / (attempt * (attempt + 1))


# --- earlier alarms -----------------------------------------------------------------------------


def first_alarms(nights: Sequence[Night]) -> dict[str, date]:
    """When each signal first alarmed in the run of drift that ends with the last night."""
    first: dict[str, date] = {}
    for night in drift_run(nights):
        for reading in night.readings:
            if reading.verdict is DriftVerdict.DRIFT:
                first.setdefault(reading.signal, date.fromisoformat(night.date))
    return first


def tries(nights: Sequence[Night]) -> int:
    """How often something was tested again since the suspicion began."""
    count = 0
    for night in reversed(nights):
        if night.state is DriftState.OK:
            break
        count += bool(night.confirming)
    return count


def alarmed(reference: Reference, first: Mapping[str, date]) -> dict[date, list[Signal]]:
    """The signals of a reference that alarmed, by the day on which each first did."""
    signals_of: dict[date, list[Signal]] = {}
    for signal in reference.signals:
        if signal.name in first:
            signals_of.setdefault(first[signal.name], []).append(signal)
    return signals_of
