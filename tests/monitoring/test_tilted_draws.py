"""That small p-values from few draws are what very many would have counted."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.drift.matched_sets import MatchedPool, statistic
from monitoring.drift.permutation import COUNTED, approximate_p, log_mean, p_value, tilted_p
from monitoring.signals.signal import Direction

LEVEL = 1e-4
Numbers = NDArray[np.float64]
Drawn = Callable[[int, int, np.random.Generator], Numbers]


def heavy(count: int, columns: int, rng: np.random.Generator) -> Numbers:
    return rng.pareto(1.5, size=(count, columns))


def rare(count: int, columns: int, rng: np.random.Generator) -> Numbers:
    """One of several kinds, most of which are rare."""
    chances = np.arange(1, columns + 1) ** -1.5
    kinds = rng.choice(columns, count, p=chances / chances.sum())
    return np.eye(columns)[kinds]


def pool(columns: Numbers, tonight: int) -> MatchedPool:
    rows, strata = columns.astype(np.float32), np.zeros(len(columns), np.int64)
    return MatchedPool.of(rows[:tonight], rows[tonight:], strata[:tonight], strata[tonight:])


def choices(one: MatchedPool, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of so many plain choices [count, sets]."""
    return one.starts + (rng.random((count, len(one.sizes))) * one.sizes).astype(np.int64)


def as_tonight(one: MatchedPool, rows: NDArray[np.int64]) -> MatchedPool:
    """The same sets, had this choice been tonight."""
    table = one.table.copy()
    table[one.starts], table[rows] = one.table[rows], one.table[one.starts]
    return MatchedPool(table, one.starts, one.sizes)


@pytest.mark.parametrize(
    ("direction", "drawn", "columns", "before"),
    [
        ("up", heavy, 1, 300),
        ("up", heavy, 1, 50),
        ("any", heavy, 3, 300),
        ("any", heavy, 8, 50),
        ("any", rare, 20, 150),
    ],
)
def test_small_p_values_are_as_rare_as_they_say_in_the_worst_of_tails(
    direction: Direction, drawn: Drawn, columns: int, before: int
) -> None:
    """Of many choices only the most extreme can have a small p: they stand for all the others."""
    rng, pools, of_each, top = np.random.default_rng(1), 25, 4_000, 20
    small = 0
    for _ in range(pools):
        one = pool(drawn(50 + before, columns, rng), 50)
        rows = choices(one, of_each, rng)
        extreme = np.argsort(-statistic(one.chosen(rows), direction))[:top]
        found = [tilted_p(as_tonight(one, row), direction, LEVEL, rng) for row in rows[extreme]]
        small += sum(p is not None and p <= 10 * LEVEL for p in found)
    expected = pools * of_each * 10 * LEVEL
    assert expected / 3 < small < expected + 3 * expected**0.5


def test_a_small_p_of_a_sum_of_squares_is_that_of_a_full_count() -> None:
    rng = np.random.default_rng(2)
    one = pool(rng.normal(size=(900, 16)), 300)
    drawn = np.concatenate([*one.draws(200_000, rng)])
    bound = np.quantile(statistic(drawn, "any"), 0.999)
    rows = choices(one, 20_000, rng)
    near = rows[np.argmin(np.abs(statistic(one.chosen(rows), "any") - bound))]
    found = [tilted_p(as_tonight(one, near), "any", LEVEL, rng) or 1 for _ in range(20)]
    assert np.median(found) == pytest.approx(0.001, rel=0.5)


def test_the_mean_that_is_estimated_is_that_of_all_choices() -> None:
    rng = np.random.default_rng(3)
    one = pool(heavy(20, 2, rng), 10)
    every = np.array([*product(*map(range, one.sizes))]) + one.starts
    roots, vectors = np.linalg.eigh(one.covariance)
    rate = 0.3 / roots.max()
    exact = np.log(np.exp(rate * statistic(one.chosen(every), "any") / 2).mean())
    found = [log_mean(one, rate, roots, vectors, rng) for _ in range(20)]
    assert all(exact - 0.05 < mean <= exact + 0.5 for mean in found if mean is not None)
    assert any(mean is not None for mean in found)


def test_a_night_in_full_drift_needs_few_draws_however_small_the_level() -> None:
    rng = np.random.default_rng(4)
    now, before = rng.normal(size=(500, 8)) + 1, rng.normal(size=(1000, 8))
    one = pool(np.concatenate([now, before]), 500)
    for level in (LEVEL, 1e-9, 1e-12):
        assert 4 / level > COUNTED
        assert p_value(one, "any", level=level, matters=True, rng=rng) <= level
        assert p_value(one, "up", level=level, matters=True, rng=rng) <= level


@pytest.mark.parametrize("sets", [50, 500])
def test_the_approximation_is_near_even_where_there_are_few_sets(sets: int) -> None:
    """Else it would hide an alarm: p is looked at more closely only below it."""
    rng = np.random.default_rng(5)
    one = pool(rng.normal(size=(2 * sets, 64)), sets)
    drawn = statistic(np.concatenate([*one.draws(30_000, rng)]), "any")
    found = approximate_p(one, float(np.quantile(drawn, 0.999)), "any")
    assert found == pytest.approx(0.001, rel=0.6)
