"""One voice for each user: on a night, over many nights, and on both sides of a comparison."""

import numpy as np

from monitoring.control import night_readings
from monitoring.params import DriftParams
from monitoring.permutation import Ints
from monitoring.reference import Reference
from monitoring.signals.feedback import Feedback
from monitoring.signals.signal import Batch
from monitoring.units import Units

FEEDBACK = Feedback(np.zeros(1, np.float32))


def units(ratings: list[float], users: list[str], days: list[int]) -> Units:
    batch = Batch(ratings=np.array(ratings, np.float32))
    one = np.zeros(len(users), np.int64)
    return Units.of(batch, [FEEDBACK], users, one, np.array(days))


def values(found: Units) -> list[float]:
    return sorted(found.columns["feedback"].ravel().tolist())


def test_a_user_is_one_unit_a_night_and_one_a_stretch() -> None:
    found = units([1, -1, 1, 0], ["a", "a", "a", "b"], [1, 1, 2, 2])
    assert values(found) == [-1.0, 0.0, 0.0]
    assert values(found.by_stretch(1)) == [-1.0, 0.0, 0.0]
    assert values(found.by_stretch(2)) == [-0.5, 0.0]


def test_stretches_end_with_the_last_day() -> None:
    found = units([1, 1, -1, -1], ["a"] * 4, [3, 4, 5, 6])
    assert values(found.by_stretch(2)) == [-1.0, 1.0]
    assert values(found.by_stretch(4)) == [0.0]


def test_units_read_back_as_they_were() -> None:
    found = units([1, -1], ["a", "b"], [1, 2])
    again = Units.of_arrays(found.arrays())
    assert all(np.array_equal(again.arrays()[name], a) for name, a in found.arrays().items())


def test_a_unit_does_not_say_whose_it_is() -> None:
    assert units([1], ["ann@bank.example"], [1]).users.dtype == np.int64


def people(
    rng: np.random.Generator, tastes: Ints, nights: range, rows: int
) -> tuple[Batch, list[str], Ints]:
    """Some of the same people each night, each with a few topics of their own."""
    who = np.concatenate([rng.choice(len(tastes), rows, replace=False) for _ in nights])
    topics = tastes[who, rng.integers(0, tastes.shape[1], len(who))]
    middles = 4 * np.eye(40, dtype=np.float32)
    vectors = middles[topics] + rng.normal(size=(len(who), 40)).astype(np.float32)
    return Batch(vectors=vectors), [f"u{i}" for i in who], np.repeat(list(nights), rows)


def test_people_who_come_back_every_night_with_tastes_of_their_own_are_no_drift() -> None:
    """Counted by the night, three people in four of a window would be there many times over."""
    rng, params = np.random.default_rng(0), DriftParams()
    alarms = 0
    for _ in range(8):
        tastes = rng.integers(0, 40, (120, 3))
        before = people(rng, tastes, range(28), 60)
        zeros = np.zeros(len(before[1]), np.int64)
        reference = Reference.freeze(before[0], before[1], zeros, before[2], rng=rng)
        nights = []
        for night in range(28, 56):
            batch, users, days = people(rng, tastes, range(night, night + 1), 60)
            nights.append(Units.of(batch, reference.signals, users, zeros[:60], days))
        found = night_readings(reference.signals, nights, reference.units, params, rng)
        alarms += any(reading.p <= 10 * reading.level for reading in found)
    assert alarms <= 1
