"""Which rows are compared with which: as finely as there are rows and days for."""

from datetime import date

import numpy as np
import pytest

from incumbent.verbs.nightly import accept
from monitoring.drift.reference import ALWAYS, Cut, Season, days_of
from monitoring.monitoring_settings import DriftParams, Weekday, name_of_special
from monitoring.signals.signal import Times
from monitoring.signals.signal_inputs import times_of
from project.errors import InputError
from project.records.traffic import Traffic

LEAST = 50
WEEKEND: tuple[Weekday, ...] = ("sat", "sun")
KINDS = Season(weekend=(5, 6))


def times(days: int, a_day: int, first: int = 0) -> Times:
    """So many rows a day, evenly over its hours, from a weekday on."""
    return 24 * first + np.arange(days * a_day) * 24 / a_day


def test_time_is_told_in_hours_since_a_monday() -> None:
    at = ("2020-01-06T00:00:00Z", "2020-01-19T23:30:00Z", "2020-01-05T01:00:00+02:00")
    rows = [Traffic(id=a, at=a, prompt="p", response="r") for a in at]
    assert times_of(rows).tolist() == [0, 335.5, -25]


def test_a_day_is_told_to_the_second() -> None:
    last = Traffic(id="1", at="2031-06-08T23:59:59Z", prompt="p", response="r")
    first = Traffic(id="2", at="2031-06-09T00:00:00Z", prompt="p", response="r")
    assert np.diff(days_of(times_of([last, first]))).tolist() == [1]


@pytest.mark.parametrize(
    ("days", "a_day", "finest", "strata"),
    [
        (28, 250, "hour", 28),
        (28, 45, "hour", 7),  # enough for weekdays, and not for parts of them
        (28, 250, "weekday", 7),
        (28, 250, "none", 1),
        (28, 25, "weekday", 2),
        (28, 15, "weekday", 1),
        (14, 1000, "weekday", 2),  # two of each weekday do not show how much they differ
        (7, 1000, "hour", 8),
        (7, 1000, "none", 1),
    ],
)
def test_the_cut_is_as_fine_as_asked_for_where_each_stratum_has_enough(
    days: int, a_day: int, finest: Cut, strata: int
) -> None:
    found = Season.fit(times(days, a_day), finest, LEAST, WEEKEND)
    assert found.count == strata
    assert found.fewest(times(days, a_day)) >= LEAST


@pytest.mark.parametrize("finest", ["hour", "weekday", "none"])
def test_without_a_whole_week_workdays_and_the_weekend_are_apart(finest: Cut) -> None:
    from_wednesday = times(3, 300, first=2)
    found = Season.fit(from_wednesday, finest, LEAST, WEEKEND)
    assert found.weekend == KINDS.weekend
    assert not set(found.strata(times(1, 24, first=5))) & set(found.strata(from_wednesday))


def test_a_weekend_of_other_days() -> None:
    found = Season.fit(times(3, 20), "weekday", LEAST, ("fri", "thu"))
    assert found.strata(times(7, 1)).tolist() == [0, 0, 0, 1, 1, 0, 0]


def test_parts_of_the_day_have_as_much_traffic_each() -> None:
    office = 9.0 + np.arange(2000) % 8  # 9 to 17 o'clock
    assert Season.fit(office, "hour", LEAST).hours == (10.75, 12.5, 14.25)


def test_traffic_of_one_hour_has_no_parts() -> None:
    noon = np.full(2000, 12.0)
    assert Season.fit(noon, "hour", LEAST) == ALWAYS


def test_a_stratum_is_a_weekday_and_a_part_of_it() -> None:
    season = Season(weekly=True, hours=(6.0, 18.0))
    at = np.array([0, 5.9, 6, 24, 167.9, 168])
    assert season.strata(at).tolist() == [0, 0, 1, 3, 20, 0]


@pytest.mark.parametrize(
    ("entries", "day", "name"),
    [
        (("DE",), "2026-12-25", "Christmas Day"),
        (("DE",), "2026-01-06", None),
        (("DE-BY",), "2026-01-06", "Epiphany"),
        (("DE", "2026-12-27..2027-01-02"), "2026-12-31", "2026-12-27..2027-01-02"),
        (("2026-12-24",), "2026-12-24", "2026-12-24"),
        (("2026-12-24",), "2026-12-23", None),
    ],
)
def test_a_special_day_is_a_holiday_of_a_country_or_one_that_is_named(
    entries: tuple[str, ...], day: str, name: str | None
) -> None:
    found = name_of_special(entries, date.fromisoformat(day))
    assert found == name


@pytest.mark.parametrize("entry", ["XX", "DE-XX", "christmas"])
def test_what_is_no_day_and_no_country_is_refused_by_its_name(entry: str) -> None:
    with pytest.raises(ValueError, match=f"{entry}"):
        DriftParams(special_days=("DE", entry))


@pytest.mark.parametrize(
    ("days", "problem"),
    [
        ("2026-02-30", "is not a day such as 2026-12-24, or FROM..TO"),
        ("2026-02-02..soon", "is not a day such as 2026-12-24, or FROM..TO"),
        ("2026-02-02..2026-02-01", "ends before it begins"),
    ],
)
def test_the_setting_and_drift_accept_refuse_days_in_the_same_words(
    days: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=f"'{days}' {problem}"):
        DriftParams(special_days=(days,))
    with pytest.raises(InputError, match=f"--days: '{days}' {problem}"):
        accept("a reason", days=days)
