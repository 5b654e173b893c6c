"""One voice for each user: on a night, over many nights, and on both sides of a comparison."""

import numpy as np

from monitoring.drift.alarm_budget import night_tests
from monitoring.drift.compare_sets import always
from monitoring.drift.reference import Reference
from monitoring.drift.signal_tests import SignalTest
from monitoring.drift.user_days import UserDays
from monitoring.monitoring_settings import DriftParams
from monitoring.signals.answer_signals import Ratings
from monitoring.signals.signal import Batch, Ints
from project.records.drift import DriftVerdict

FEEDBACK = Ratings(np.zeros(1, np.float32))


def units(ratings: list[float], users: list[str]) -> UserDays:
    batch = Batch(ratings=np.array(ratings, np.float32))
    return UserDays.of(batch, [FEEDBACK], users, np.zeros(len(users), np.int64))


def test_units_read_back_as_they_were() -> None:
    found = units([1, -1], ["a", "b"])
    again = UserDays.of_arrays(found.arrays())
    assert all(np.array_equal(again.arrays()[name], a) for name, a in found.arrays().items())


def test_a_unit_does_not_say_whose_it_is() -> None:
    assert units([1], ["ann@bank.example"]).users.dtype == np.int64


def test_units_without_a_value_are_left_out() -> None:
    found = units([1, float("nan")], ["a", "b"]).having("feedback")
    assert found.columns.tolist() == [[-1.0]]


def test_a_user_of_many_nights_is_one_voice() -> None:
    assert units([1, 1, -1], ["a", "a", "b"]).having("feedback").has_voices(2)
    assert not units([1, 1, -1], ["a", "a", "b"]).having("feedback").has_voices(3)
    nameless = UserDays({"feedback": np.zeros((3, 1))}, np.zeros(3, np.int64))
    assert nameless.having("feedback").has_voices(3)


def test_few_users_of_many_nights_are_not_enough_to_say_anything() -> None:
    rng = np.random.default_rng(1)
    now, before = (
        units(rng.normal(size=1400).tolist(), [f"{side}{i % 24}" for i in range(1400)])
        for side in ("now", "before")
    )
    found = SignalTest(
        FEEDBACK,
        now,
        before,
        level=0.01,
        nights=28,
        minimum_effect=0,
        rng=rng,
    )
    assert found.verdict is DriftVerdict.INSUFFICIENT


def people(
    rng: np.random.Generator, tastes: Ints, nights: range, rows: int
) -> tuple[Batch, list[str]]:
    """Some of the same people each night, each with a few topics of their own."""
    who = np.concatenate([rng.choice(len(tastes), rows, replace=False) for _ in nights])
    topics = tastes[who, rng.integers(0, tastes.shape[1], len(who))]
    middles = 4 * np.eye(40, dtype=np.float32)
    vectors = middles[topics] + rng.normal(size=(len(who), 40)).astype(np.float32)
    return Batch(vectors=vectors), [f"u{i}" for i in who]


def test_people_who_come_back_every_night_with_tastes_of_their_own_are_no_drift() -> None:
    """Counted by the night, three people in four of a window would be there many times over."""
    rng, params = np.random.default_rng(0), DriftParams()
    alarms = 0
    for _ in range(8):
        tastes = rng.integers(0, 40, (120, 3))
        before = people(rng, tastes, range(28), 60)
        reference = Reference.freeze(*before, always(len(before[1])), rng=rng)
        nights = [
            reference.units_of(*people(rng, tastes, range(1), 60), always(60)) for _ in range(28)
        ]
        found = night_tests(reference.signals, nights, reference.units, params, rng)
        alarms += any(test.p <= 10 * test.level for test in found)
    assert alarms <= 1
