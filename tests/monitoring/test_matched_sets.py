"""Who is exchanged with whom, and that p-values hold whoever comes back."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from monitoring.drift.matched_sets import MOST_SETS, MatchedPool, MatchedSets, Units, matched_sets
from monitoring.drift.permutation import p_value
from monitoring.signals.signal import Direction, Floats, Ints, one_hot

TOPICS = 150
NOW, BEFORE = True, False


def sets_of(*units: tuple[bool, int, int], seed: int = 0) -> MatchedSets:
    """Units as (tonight, stratum, user)."""
    tonight, strata, users = zip(*units, strict=True)
    sides = np.array(tonight), np.array(strata), np.array(users)
    return matched_sets(Units(*sides), np.random.default_rng(seed))


def rows_of(sets: MatchedSets) -> list[list[list[int]]]:
    """Of each set, the units of each row."""
    rows = [np.flatnonzero(row).tolist() for row in abs(sets.units).toarray()]
    return [rows[a : a + n] for a, n in zip(sets.starts, sets.sizes, strict=True)]


def test_a_unit_of_the_smaller_side_is_matched_with_as_many_of_the_other_as_there_are() -> None:
    sets = sets_of((NOW, 0, 0), (NOW, 0, 1), *((BEFORE, 0, user) for user in range(2, 7)))
    assert sorted(sets.sizes) == [3, 4]
    assert {row[0] for (row, *_) in rows_of(sets)} == {0, 1}


def test_sums_are_the_same_whichever_side_is_the_smaller() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 1)).astype(np.float32)
    one = [
        MatchedPool.of(a, b, zeros(a), zeros(b))
        for a, b in ((rows[:3], rows[3:]), (rows[3:], rows[:3]))
    ]
    assert np.sign(one[0].sums) == -np.sign(one[1].sums)


def test_units_of_users_who_came_once_stay_in_their_stratum() -> None:
    units = [(bool(i % 2), i // 20, i) for i in range(60)]
    for rows in rows_of(sets_of(*units)):
        assert len({units[unit][1] for row in rows for unit in row}) == 1


def test_a_user_on_both_sides_is_held_against_himself() -> None:
    units = [(i == 0, 0, 7) for i in range(5)] + [(i == 0, 0, 3) for i in range(4)]
    users = np.array([user for _, _, user in units])
    for rows in rows_of(sets_of(*units)):
        assert len({users[unit] for row in rows for unit in row}) == 1


def test_a_user_of_many_nights_is_exchanged_as_one_with_users_of_as_many() -> None:
    units = [(user < 4, 0, user) for user in range(8) for _ in range(5)]
    sets = rows_of(sets_of(*units))
    assert len(sets) == 4
    assert all(len(row) == 5 for rows in sets for row in rows)


def test_of_users_with_more_units_than_the_others_have_a_choice_is_used() -> None:
    tonight = [(NOW, 0, user) for user in range(4)]
    before = [(BEFORE, 0, user) for user in range(4, 8) for _ in range(20)]
    sets = rows_of(sets_of(*tonight, *before))
    assert len(sets) == 4
    assert all(len(row) == 1 for rows in sets for row in rows)


def test_very_many_sets_are_joined_and_none_is_lost() -> None:
    count = 3 * MOST_SETS
    units = [(bool(i % 2), 0, i) for i in range(2 * count)]
    sets = sets_of(*units)
    assert len(sets.sizes) == MOST_SETS
    assert len(sets.units.data) == 2 * count


def test_what_the_other_side_lacks_leaves_nothing_to_compare() -> None:
    rows = np.ones((3, 1), np.float32)
    pool = MatchedPool.of(rows, rows, zeros(rows), zeros(rows) + 1)
    assert p_value(pool, "up", level=0.01, matters=True, rng=np.random.default_rng(0)) == 1


def zeros(rows: Floats) -> Ints:
    return np.zeros(len(rows), np.int64)


def by_topic(users: Ints, rng: np.random.Generator) -> Floats:
    """Each user asks about three topics of his own."""
    tastes = rng.integers(TOPICS, size=(users.max() + 1, 3))
    return one_hot(tastes[users, rng.integers(3, size=len(users))], TOPICS)


def strange(users: Ints, rng: np.random.Generator) -> Floats:
    """A few users always ask what is new to the index."""
    values: NDArray[np.float64] = rng.pareto(1.5, size=(users.max() + 1, 1))
    return values[users].astype(np.float32)


@pytest.mark.parametrize(("nights", "before"), [(1, 20), (28, 20), (5, 5)])
@pytest.mark.parametrize("direction", ["up", "any"])
def test_p_holds_for_fifty_users_against_fifty_others_who_come_back(
    direction: Direction, nights: int, before: int
) -> None:
    """One night of fifty users against a month of others: counted by the unit it is always odd."""
    rng, times = np.random.default_rng([nights, before]), 200
    found = [p_of_others(direction, nights, before, rng) for _ in range(times)]
    for alpha in (0.005, 0.05):
        assert sum(p <= alpha for p in found) <= binom(times, alpha).ppf(0.999)


def p_of_others(direction: Direction, nights: int, before: int, rng: np.random.Generator) -> float:
    users = [np.repeat(np.arange(50), times) for times in (nights, before)]
    drawn = by_topic if direction == "any" else strange
    now, then = (drawn(own, rng) for own in users)
    pool = MatchedPool.of(now, then, zeros(now), zeros(then), (users[0], users[1] + 50))
    return p_value(pool, direction, level=0.005, matters=True, rng=rng)


def test_p_holds_for_people_who_come_back_on_other_days_of_the_week() -> None:
    """Half of the users are new; at weekends all ask for more, and differ more."""
    rng, times = np.random.default_rng(8), 300
    found = [p_of_a_week(rng) for _ in range(times)]
    for alpha in (0.005, 0.05):
        assert sum(p <= alpha for p in found) <= binom(times, alpha).ppf(0.999)


def p_of_a_week(rng: np.random.Generator) -> float:
    tastes = rng.pareto(2.5, size=150)
    sides = []
    for users, days in ((np.arange(50, 150), 7), (np.arange(100), 28)):
        asked = [rng.choice(users, 30, replace=False) for _ in range(days)]
        weekday = np.repeat(np.arange(days) % 7, 30)
        weekend = 1 + 2 * (weekday >= 5)
        values = weekend * (tastes[np.concatenate(asked)] + rng.normal(size=len(weekday)))
        sides.append((values[:, None].astype(np.float32), weekday, np.concatenate(asked)))
    (now, strata, who), (then, before, whose) = sides
    pool = MatchedPool.of(now, then, strata, before, (who, whose))
    return p_value(pool, "up", level=0.005, matters=True, rng=rng)


def test_fifty_users_who_are_on_both_sides_show_what_is_new_to_them() -> None:
    """Their tastes cancel out: a tenth of strange prompts is seen in one night."""
    rng = np.random.default_rng(3)
    users = np.repeat(np.arange(200), 10)
    tastes = 5 * rng.normal(size=(200, 1))
    before = (tastes[users] + rng.normal(size=(2000, 1))).astype(np.float32)
    now = (tastes + rng.normal(size=(200, 1)) + 0.6).astype(np.float32)
    pool = MatchedPool.of(now, before, zeros(now), zeros(before), (np.arange(200), users))
    assert p_value(pool, "up", level=1e-5, matters=True, rng=rng) <= 1e-5
