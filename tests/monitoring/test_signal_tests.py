"""A signal's test: asked for a verdict alone, or for all that it says."""

from collections.abc import Iterator

import numpy as np
import pytest

from monitoring.drift.alarm_budget import pooled
from monitoring.drift.signal_tests import SignalTest, shares_moved, signal_tests
from monitoring.drift.user_days import UserDays
from monitoring.signals import signal as signals
from monitoring.signals.answer_signals import Ratings
from monitoring.signals.prompt_signals import Novelty
from monitoring.signals.signal import Floats, Signal, nearest
from project.records.drift import DriftVerdict

RATINGS = Ratings(np.zeros(1, np.float32))
NOVELTY = Novelty(np.zeros((0, 1), np.float32), np.zeros(1, np.float32))
BOTH: list[Signal] = [RATINGS, NOVELTY]
Generator = np.random.Generator


def day_of(day: int, shift: float, rng: Generator, count: int = 100) -> UserDays:
    """Units of two signals; the ratings are shifted, and half of them missing."""
    ratings = rng.normal(size=(count, 1)).astype(np.float32) + np.float32(shift)
    ratings[::2] = np.nan
    columns = {RATINGS.name: ratings, NOVELTY.name: rng.random((count, 1), np.float32)}
    numbers = np.arange(count) + 1_000 * day
    return UserDays(columns, np.full(count, day % 7), numbers, np.full(count, day))


def each_test(shifts: list[float], rng: Generator) -> Iterator[SignalTest]:
    """Of nights one after the other, all by the same random numbers."""
    drawn = np.random.default_rng(3)
    before = UserDays.joined([day_of(day, 0, drawn) for day in range(28)])
    for day, shift in enumerate(shifts, start=28):
        yield from signal_tests(
            BOTH,
            day_of(day, shift, drawn, count=300),
            before,
            {RATINGS.name: 0.002, NOVELTY.name: 0.002},
            nights=1,
            minimum_effect=0.02,
            rng=rng,
        )


def test_a_verdict_alone_is_that_of_the_whole_reading_and_takes_the_same_random_numbers() -> None:
    shifts, rngs = [0, 0.2, 0.4, 0.8, 1.6, 0], [np.random.default_rng(1) for _ in range(2)]
    alone = [test.verdict for test in each_test(shifts, rngs[0])]
    readings = [test.reading for test in each_test(shifts, rngs[1])]
    assert alone == [reading.verdict for reading in readings]
    assert set(alone) == {DriftVerdict.DRIFT, DriftVerdict.NO_DRIFT}
    assert rngs[0].random() == rngs[1].random()


def test_a_choice_of_many_nights_units_is_spread_over_all_of_them() -> None:
    rng = np.random.default_rng(2)
    nights = [day_of(day, 0, rng) for day in range(10)]
    reference = day_of(10, 0, rng, count=100)
    found = pooled(nights, reference, rng)
    assert len(found) == 400
    assert set(np.bincount(found.days) // 10) <= {2, 3, 4, 5}
    numbers = found.users.tolist()
    assert numbers == sorted(set(numbers))
    assert all(number // 1_000 == day for number, day in zip(numbers, found.days, strict=True))


def test_units_are_those_that_have_a_value_and_a_stratum_of_the_other_side() -> None:
    rng = np.random.default_rng(4)
    week = pooled([day_of(day, 0, rng) for day in range(7)], day_of(9, 0, rng, 1_000), rng)
    monday = day_of(0, 0, rng).having(RATINGS.name)
    like = week.having(RATINGS.name).like(monday)
    assert (len(monday), len(like), like.kinds.tolist()) == (50, 50, [0])
    assert monday.like(like) is monday


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were compared with the index, each time that they were."""
    found: list[int] = []

    def counted(squares: Floats, kth: int, axis: int) -> np.ndarray[tuple[int, ...], np.dtype]:
        found.append(len(squares))
        return np.argsort(squares, axis=axis)

    signals.nearest_rows.cache_clear()
    monkeypatch.setattr(signals.np, "argpartition", counted)
    return found


def test_signals_that_ask_for_the_same_neighbours_share_them(compared: list[int]) -> None:
    rows = np.random.default_rng(5).normal(size=(20, 3)).astype(np.float32)
    first, again = nearest(rows, rows[:9], 2), nearest(rows.copy(), rows[:9].copy(), 2)
    assert np.array_equal(first[1], again[1])
    assert compared == [20]


def test_rows_that_were_changed_in_place_are_compared_anew(compared: list[int]) -> None:
    rows = np.random.default_rng(6).normal(size=(20, 3)).astype(np.float32)
    before = nearest(rows, rows[:9].copy(), 2)[1]
    rows += 1
    assert not np.array_equal(before, nearest(rows, rows[:9] - 1, 2)[1])
    assert compared == [20, 20]


@pytest.mark.parametrize(("gone", "least", "most"), [(0, 0.0, 0.02), (8, 0.04, 0.1)])
def test_a_few_of_many_topics_that_are_gone_are_not_hidden_by_chance_in_the_others(
    gone: int, least: float, most: float
) -> None:
    """Of 100 topics eight are gone: 8 % of what was asked."""
    rng, kinds = np.random.default_rng(6), 100
    found = []
    for _ in range(9):
        before = rng.multinomial(1_000, np.full(kinds, 1 / kinds)) / 1_000
        left = np.arange(kinds) >= gone
        now = rng.multinomial(14_000, left / left.sum()) / 14_000
        found.append(shares_moved(now, before, 1 / (1 / 1_000 + 1 / 14_000)))
    assert least <= np.median(found) <= most
