"""A later night confirms a drift by days of its own: one odd day alone is never confirmed."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import binom

from monitoring.drift.alarm_budget import LEVEL, level_of, seen_later
from monitoring.drift.reference import ALWAYS, Reference
from monitoring.drift.signal_tests import drift_run, overall
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import DriftParams
from monitoring.signals.signal import Signal
from monitoring.trigger.state_machine import DriftStep
from project.records.drift import Action, DriftState, DriftVerdict, Night, SignalReading
from tests.monitoring.test_drift_state import FIRST, D, N, night, reading

PARAMS = DriftParams()
DIRECTIONS = {"novelty": "up", "topics": "any"}
LITTLE = DriftVerdict.INSUFFICIENT


class Columns:
    """A signal whose columns are given: of a row nothing else is looked at."""

    weight, shares = 1, False

    def __init__(self, name: str) -> None:
        self.name, self.direction = name, DIRECTIONS[name]


def reference(rng: np.random.Generator, *names: str, units: int = 400) -> Reference:
    signals: tuple[Signal, ...] = tuple(map(Columns, names))  # type: ignore[arg-type]
    return Reference(signals, np.zeros(0, np.int64), day_of(rng, *names, units=units), (), ALWAYS)


def day_of(rng: np.random.Generator, *names: str, moved: float = 0.0, units: int = 100) -> UserDays:
    """Units whose mean lies `moved` above the reference's, in every signal."""
    columns = {name: rng.normal(moved, 1, (units, 1)).astype(np.float32) for name in names}
    return UserDays(columns, np.zeros(units, np.int64))


def at(number: int) -> date:
    return FIRST + timedelta(days=number)


def alarm(number: int, *signals: str, **more: object) -> Night:
    """A night of drift, by these signals."""
    step = DriftStep(state=DriftState.WATCH, action=Action.NONE, reasons=("",))
    readings = tuple(reading(D).model_copy(update={"signal": name}) for name in signals)
    return night(number, D, step, readings=readings, **more)


def seen(
    known: Reference, days: Mapping[int, UserDays], own: Sequence[Night]
) -> tuple[SignalReading, ...]:
    units = {at(number): units for number, units in days.items()}
    return tuple(seen_later([(known, units.__getitem__)], sorted(units), own, PARAMS))


def test_only_what_alarmed_is_tested_and_only_on_later_days() -> None:
    rng = np.random.default_rng(1)
    names = ("novelty", "topics")
    days = {0: day_of(rng, *names, moved=2), 1: day_of(rng, *names), 2: day_of(rng, *names)}
    (found,) = seen(reference(rng, *names), days, [alarm(0, "novelty"), alarm(1, "novelty")])
    assert (found.signal, found.nights, found.n, found.verdict) == ("novelty", 2, 200, N)


def test_what_stays_is_seen_again_on_one_later_day() -> None:
    rng = np.random.default_rng(2)
    days = {0: day_of(rng, "novelty", moved=1), 1: day_of(rng, "novelty", moved=1)}
    (found,) = seen(reference(rng, "novelty"), days, [alarm(0, "novelty")])
    assert (found.verdict, found.level) == (D, LEVEL / 2)


def test_what_is_small_is_seen_on_several_later_days_together() -> None:
    rng = np.random.default_rng(3)
    known, days = reference(rng, "novelty", units=4000), {0: day_of(rng, "novelty", moved=0.3)}
    verdicts, own = [], [alarm(0, "novelty")]
    for number in range(1, 10):
        days[number] = day_of(rng, "novelty", moved=0.3)
        found = seen(known, days, own)
        verdicts.append(overall(found))
        own.append(alarm(number, "novelty", confirming=found))
    assert verdicts[-1] is D


def test_a_signal_that_alarmed_later_is_tested_on_the_days_after_that() -> None:
    rng = np.random.default_rng(4)
    names = ("novelty", "topics")
    days = {number: day_of(rng, *names) for number in range(4)}
    own = [alarm(0, "novelty"), alarm(1, "topics"), alarm(2, "novelty", "topics")]
    found = seen(reference(rng, *names), days, own)
    assert {one.signal: one.nights for one in found} == {"novelty": 3, "topics": 2}


def test_a_run_begins_anew_after_a_night_without_drift() -> None:
    step = DriftStep(state=DriftState.WATCH, action=Action.NONE, reasons=("",))
    own = [alarm(0, "topics"), night(1, N, step), alarm(2, "novelty"), night(3, LITTLE, step)]
    assert [one.date for one in drift_run(own)] == [str(at(2))]


def test_too_few_later_rows_neither_confirm_nor_calm() -> None:
    rng = np.random.default_rng(5)
    days = {0: day_of(rng, "novelty", moved=2), 1: day_of(rng, "novelty", moved=2, units=9)}
    (found,) = seen(reference(rng, "novelty"), days, [alarm(0, "novelty")])
    assert found.verdict is LITTLE


def test_the_levels_of_all_tries_sum_to_the_level_of_one_suspicion() -> None:
    assert sum(level_of(attempt) for attempt in range(1, 100_000)) == pytest.approx(LEVEL, rel=1e-4)


def test_each_try_of_a_suspicion_has_its_own_level_also_after_a_quiet_night() -> None:
    rng = np.random.default_rng(6)
    step = DriftStep(state=DriftState.WATCH, action=Action.NONE, reasons=("",))
    tried = (reading(N),)
    own = [alarm(0, "novelty"), alarm(1, "novelty", confirming=tried), night(2, N, step)]
    own.append(alarm(3, "novelty"))
    days = {number: day_of(rng, "novelty") for number in range(5)}
    (found,) = seen(reference(rng, "novelty"), days, own)
    assert (found.level, found.nights) == (level_of(2), 1)


def test_one_odd_day_is_confirmed_in_so_few_of_many_reigns() -> None:
    """The long windows keep it alive for a week; the days after it are as always."""
    confirmed, reigns = 0, 100
    for number in range(reigns):
        rng = np.random.default_rng(number)
        known, days = reference(rng, "novelty", "topics"), {0: day_of(rng, "novelty", "topics")}
        own = [alarm(0, "novelty", "topics")]
        for later in range(1, 8):
            days[later] = day_of(rng, "novelty", "topics")
            found = seen(known, days, own)
            own.append(alarm(later, "novelty", "topics", confirming=found))
            if overall(found) is D:
                confirmed += 1
                break
    assert confirmed <= binom(reigns, LEVEL).ppf(0.999)
