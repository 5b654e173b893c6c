"""Days that differ: learnt from the reference's own days, and no drift."""

from collections.abc import Iterable

import numpy as np
import pytest

from monitoring.drift.alarm_budget import pooled
from monitoring.drift.day_noise import (
    MOST_DRAWN,
    Prior,
    contrasts,
    k_of,
    noise_between,
    noise_of,
    noise_of_kind,
)
from monitoring.drift.reference_rows import seen_share
from monitoring.drift.signal_tests import SignalTest
from monitoring.drift.user_days import UserDays
from monitoring.signals.answer_signals import Ratings
from monitoring.signals.prompt_signals import Topics
from monitoring.signals.signal import Ints
from project.records.drift import DriftVerdict, SignalReading

RATINGS, TOPICS = Ratings(np.zeros(1, np.float32)), 20
LEVEL = 1e-3
Generator = np.random.Generator


def day_of(
    day: int, rows: int, rng: Generator, variation: float = 0.0, new: float = 0.0
) -> UserDays:
    """Units of one day, each about one topic, whose shares vary by day; some are all of one."""
    factors = rng.gamma(variation**-2, variation**2, TOPICS) if variation else np.ones(TOPICS)
    topics = rng.choice(TOPICS, rows, p=factors / factors.sum())
    topics[: round(new * rows)] = 0
    columns = np.eye(TOPICS, dtype=np.float32)[topics]
    numbers = np.arange(rows) + 10_000 * day
    return UserDays({Topics.name: columns}, np.full(rows, day % 7), numbers, np.full(rows, day))


def said(now: UserDays, before: UserDays, rng: Generator, nights: int = 1) -> SignalReading:
    return SignalTest(
        Topics,  # type: ignore[arg-type]  # of the signal only what it is called counts
        now,
        before,
        LEVEL,
        nights=nights,
        minimum_effect=0.0,
        rng=rng,
    ).reading


def months(rng: Generator, variation: float, rows: int = 100) -> UserDays:
    return UserDays.joined([day_of(day, rows, rng, variation) for day in range(28)])


def without_days(units: UserDays) -> UserDays:
    return UserDays(units.columns, units.strata, units.users)


def drifts(variation: float, *, known: bool, times: int = 60) -> int:
    """How many of so many nights are called drift where nothing has changed."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(times // 20):
        before = months(rng, variation)
        before = before if known else without_days(before)
        for night in range(20):
            tonight = day_of(28 + night % 7, 300, rng, variation)
            found += said(tonight, before, rng).verdict is DriftVerdict.DRIFT
    return found


def test_days_that_differ_are_no_drift_to_a_reference_that_knows_its_days() -> None:
    assert drifts(0.5, known=False) >= 20
    assert drifts(0.5, known=True) <= 1


def test_what_is_new_is_seen_in_one_night_where_days_are_alike() -> None:
    rng = np.random.default_rng(1)
    before = months(rng, 0)
    found = [said(day_of(28, 300, rng, new=0.2), before, rng) for _ in range(10)]
    assert all(reading.verdict is DriftVerdict.DRIFT for reading in found)
    assert found[0].spread < 1.1


def newsletters(rng: Generator) -> UserDays:
    """A month in which each Monday has its own news, and other days differ by chance alone."""
    days = [day_of(day, 100, rng, 0.6 if day % 7 == 0 else 0.0) for day in range(28)]
    return UserDays.joined(days)


def test_news_of_one_weekday_is_no_drift_on_it_and_hides_none_on_others() -> None:
    rng = np.random.default_rng(4)
    found = {"news": 0, "new topic": 0}
    for _ in range(20):
        before = newsletters(rng)
        news = said(day_of(35, 100, rng, 0.6), before, rng)
        found["news"] += news.verdict is DriftVerdict.DRIFT
        other = said(day_of(36, 100, rng, new=0.4), before, rng)
        found["new topic"] += other.verdict is DriftVerdict.DRIFT
    assert found["news"] <= 2 and found["new topic"] >= 15, found


def test_days_of_one_weekday_stand_alone_only_where_they_differ_more() -> None:
    rng = np.random.default_rng(5)
    alike = [noise_of_kind(months(rng, 0.3), Topics.name, (0,)) for _ in range(40)]
    assert sum(one is not None for one in alike) <= 6
    apart = [noise_of_kind(newsletters(rng), Topics.name, (0,)) for _ in range(10)]
    assert all(apart)
    assert noise_of_kind(newsletters(rng), Topics.name, tuple(range(7))) is None


def test_the_spread_is_told_and_grows_with_the_noise() -> None:
    rng = np.random.default_rng(2)
    spreads = [
        said(day_of(28, 300, rng), months(rng, noise), rng).spread for noise in (0.0, 0.3, 1.0)
    ]
    assert spreads == sorted(spreads)
    assert spreads[2] > 2


@pytest.mark.parametrize("between", [0.0, 0.003, 0.03])
@pytest.mark.parametrize(("days", "groups"), [(28, 7), (7, 2)])
def test_p_values_of_one_column_are_as_small_as_chance_makes_them(
    between: float, days: int, groups: int
) -> None:
    """Against the model itself: days of 178 units before, of 500 tonight."""
    rng, free, times, k = np.random.default_rng(3), days - groups, 1_000, 370.0
    found = []
    for _ in range(times):
        before = rng.normal(size=(free, 1)) * np.sqrt(1 + 178 * between)
        noise = noise_between(before, np.full(free, 178.0), np.eye(1))
        tonight = rng.normal(size=1) * np.sqrt(1 + k * between)
        found.append(noise.p_value(tonight, k, "up"))
    for level in (0.05, 0.01, 0.001):
        assert (np.array(found) <= level).mean() <= level + 4 * np.sqrt(level / times)


def test_contrasts_of_days_are_independent_and_days_add_what_is_told() -> None:
    table = np.array([[3, 1], [2, 2], [5, 4], [1, 6]], np.float64)
    of_units = np.diag(table.sum(1)) - (table / table.sum(0)) @ table.T
    weights, added = contrasts(table)
    assert np.allclose(weights.T @ of_units @ weights, np.eye(3))
    assert np.allclose(weights.T @ of_units @ of_units @ weights, np.diag(added))


def test_each_group_of_days_that_are_compared_costs_one_contrast() -> None:
    assert len(contrasts(np.kron(np.eye(7), np.full((4, 1), 50.0)))[1]) == 21
    assert len(contrasts(np.eye(7) * 50)[1]) == 0


def test_windows_of_equal_days_have_the_same_ratio() -> None:
    """Days of n units on both sides: k is n, however many nights are pooled."""
    rng = np.random.default_rng(4)
    months = UserDays.joined([day_of(7 * day, 100, rng) for day in range(4)])
    before = months.having(Topics.name)
    for nights in (1, 2, 4):
        now = [day_of(28 + 7 * night, 100, rng) for night in range(nights)]
        tonight = pooled(now, months, rng).having(Topics.name)
        assert k_of(tonight, before) == pytest.approx(100)


def test_one_day_or_unknown_days_show_nothing() -> None:
    rng = np.random.default_rng(5)
    assert noise_of(day_of(0, 100, rng), Topics.name) is None
    assert noise_of(without_days(months(rng, 0)), Topics.name) is None


def test_a_signal_that_nobody_has_a_value_of_shows_nothing() -> None:
    rows: Ints = np.arange(100)
    columns = {RATINGS.name: np.full((100, 1), np.nan, np.float32)}
    assert noise_of(UserDays(columns, rows % 2, rows, rows % 10), RATINGS.name) is None


def rated(days: Iterable[int], rng: Generator, worse: float = 0.0) -> UserDays:
    """Units of one column and of ten others, where days are alike; the column may be worse."""
    units = UserDays.joined([day_of(day, 60, rng) for day in days])
    others = rng.normal(size=(len(units), 10)).astype(np.float32)
    ratings = rng.normal(size=(len(units), 1)).astype(np.float32) + np.float32(worse)
    columns = {RATINGS.name: ratings, Topics.name: others}
    return UserDays(columns, np.zeros(len(units), np.int64), units.users, units.days)


def level_found(worse: float, days: int) -> SignalReading:
    rng = np.random.default_rng(6)
    return SignalTest(
        RATINGS,
        rated([30], rng, worse),
        rated(range(days), rng),
        1e-4,
        nights=1,
        minimum_effect=0.0,
        rng=rng,
    ).reading


def test_what_is_far_from_all_is_drift_though_the_reference_has_few_days() -> None:
    assert level_found(worse=5, days=7).verdict is DriftVerdict.DRIFT
    assert level_found(worse=1, days=28).verdict is DriftVerdict.DRIFT
    assert level_found(worse=0, days=7).verdict is DriftVerdict.NO_DRIFT


def test_a_column_is_drawn_to_the_others_where_they_are_alike() -> None:
    rng, free = np.random.default_rng(7), 21
    alike = rng.chisquare(free, 100) / free
    assert Prior.of(alike, free).freedom == MOST_DRAWN * free
    assert Prior.of(alike, free).square == pytest.approx(1, abs=0.1)
    unlike = alike * rng.lognormal(sigma=2, size=100)
    assert Prior.of(unlike, free).freedom < 2
    assert Prior.of(alike[:3], free).freedom == 0


def test_a_column_that_is_noisier_than_the_others_stands_alone() -> None:
    usual = Prior(square=1.0, freedom=60.0)
    assert usual.holds(1.5, free=21)
    assert not usual.holds(4.0, free=21)


PEAK = np.arange(TOPICS) < 4  # topics that are asked three times as often at a month's end


def with_peaks(days: Iterable[int], rng: Generator, rows: int = 120) -> list[UserDays]:
    """Days of which the last three of 30 have a peak."""

    def units(day: int) -> UserDays:
        rates = np.where(PEAK & (day % 30 >= 27), 3.0, 1.0)
        topics = rng.choice(TOPICS, rows, p=rates / rates.sum())
        numbers = np.arange(rows) + 10_000 * day
        columns = {Topics.name: np.eye(TOPICS, dtype=np.float32)[topics]}
        return UserDays(columns, np.full(rows, day % 7), numbers, np.full(rows, day))

    return [units(day) for day in days]


def windows_of_drift(nights: list[UserDays], before: UserDays, rng: Generator) -> list[int]:
    """The windows that say drift on the last of these nights."""
    readings = (
        said(pooled(nights[-window:], before, rng), before, rng, window) for window in (1, 2, 7)
    )
    return [reading.nights for reading in readings if reading.verdict is DriftVerdict.DRIFT]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_month_end_is_no_drift_to_a_reference_that_has_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = UserDays.joined(with_peaks(range(2, 30), rng, 60))
    nights = with_peaks(range(50, 60), rng)
    assert [windows_of_drift(nights[:last], before, rng) for last in range(7, 11)] == [[]] * 4
    without = UserDays.joined(with_peaks(range(26), rng, 60))
    assert windows_of_drift(nights, without, rng)[-2:] == [2, 7]


def test_a_peak_that_stays_and_another_one_beside_it_are_drift() -> None:
    rng = np.random.default_rng(9)
    before = UserDays.joined(with_peaks(range(2, 30), rng))
    lasting = with_peaks([57, 58, 59, 87, 88, 89, 117, 118, 119], rng)
    assert windows_of_drift(lasting[:2], before, rng) == []
    assert 7 in windows_of_drift(lasting, before, rng)
    new = day_of(57, 120, rng, new=0.3)
    new.columns[Topics.name][:36] = np.eye(TOPICS, dtype=np.float32)[TOPICS - 1]
    assert windows_of_drift([*with_peaks([56], rng), new], before, rng)[:1] == [1]


@pytest.mark.parametrize("variation", [0.0, 0.02])
def test_the_share_of_strange_prompts_that_a_young_reference_sees_is_seen_so_often(
    variation: float,
) -> None:
    """Novelty as it is nearly: a tenth of the usual rows lie far out, and all strange ones."""
    rng, seen = np.random.default_rng(10), []

    def far(day: int, rows: int, strange: float = 0.0) -> UserDays:
        chance = 0.1 + rng.normal() * variation
        out = rng.random(rows) < np.where(np.arange(rows) < strange * rows, 1, chance)
        numbers = np.arange(rows) + 10_000 * day
        columns = {RATINGS.name: out[:, None].astype(np.float32)}
        return UserDays(columns, np.zeros(rows, np.int64), numbers, np.full(rows, day))

    def night(before: UserDays, strange: float) -> SignalReading:
        now = far(20, 300, strange)
        return SignalTest(
            RATINGS, now, before, LEVEL, nights=1, minimum_effect=0.0, rng=rng
        ).reading

    for _ in range(12):
        before = UserDays.joined([far(day, 60) for day in range(14)])
        noise = noise_of(before, RATINGS.name)
        assert noise is not None
        share = seen_share(noise, night(before, 0), 14)
        seen += [night(before, share).verdict is DriftVerdict.DRIFT for _ in range(8)]
    assert 0.65 <= np.mean(seen) <= 0.95
