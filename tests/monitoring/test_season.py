"""Which rows are compared with which: as finely as there are rows for."""

import numpy as np
import pytest

from monitoring.drift.season import ALWAYS, Season
from monitoring.features.signal_inputs import times_of
from monitoring.monitoring_settings import Cut
from monitoring.signals.array_types import Floats
from project.records.traffic import Traffic

LEAST = 50


def times(weeks: int, a_day: int) -> Floats:
    """So many rows a day, evenly over its hours."""
    a_week = np.arange(7 * a_day, dtype=np.float32) * 24 / a_day
    return np.tile(a_week, weeks)


def test_time_is_told_in_hours_since_monday() -> None:
    at = ("2026-03-02T00:00:00Z", "2026-03-08T23:30:00Z", "2026-03-03T01:00:00+02:00")
    rows = [Traffic(id=a, at=a, prompt="p", response="r") for a in at]
    assert times_of(rows).tolist() == [0, 167.5, 23]


@pytest.mark.parametrize(
    ("a_day", "finest", "strata"),
    [
        (1000, "hour", 28),
        (180, "hour", 7),  # enough for weekdays, and not for parts of them
        (1000, "weekday", 7),
        (1000, "none", 1),
        (100, "weekday", 1),
    ],
)
def test_the_cut_is_as_fine_as_asked_for_where_each_stratum_has_enough(
    a_day: int, finest: Cut, strata: int
) -> None:
    found = Season.fit(times(1, a_day), finest, LEAST)
    assert found.count == strata
    assert found.fewest(times(1, a_day)) >= LEAST


def test_a_few_days_have_parts_and_no_weekdays() -> None:
    found = Season.fit(times(1, 300)[:900], "hour", LEAST)
    assert (found.weekly, found.count) == (False, 4)


def test_parts_of_the_day_have_as_much_traffic_each() -> None:
    office = 9 + np.arange(2000, dtype=np.float32) % 8  # 9 to 17 o'clock
    assert Season.fit(office, "hour", LEAST).hours == (10.75, 12.5, 14.25)


def test_traffic_of_one_hour_has_no_parts() -> None:
    noon = np.full(2000, 12, np.float32)
    assert Season.fit(noon, "hour", LEAST) == ALWAYS


def test_a_stratum_is_a_weekday_and_a_part_of_it() -> None:
    season = Season(weekly=True, hours=(6.0, 18.0))
    at = np.array([0, 5.9, 6, 24, 167.9], np.float32)
    assert season.strata(at).tolist() == [0, 0, 1, 3, 20]
