"""The evidence holds at any time: under no difference it is an even bet, whatever the rates are."""

import itertools

import numpy as np
import pytest

from serving.experiments.arrivals import Array, Differences, at_random, side_by_side
from serving.experiments.experiment_judging import bounds, log_capital, ratio_e_value

ENOUGH = np.log(20)


def drawn(
    seed: int, share: float, champion: float, challenger: float, users: int = 1000, runs: int = 1000
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], Array]:
    rng = np.random.default_rng(seed)
    arms = rng.random((runs, users)) < share
    rates = np.where(arms, challenger, champion)
    return arms, (rng.random((runs, users)) < rates).astype(np.float64)


def reached(logs: Array, enough: float = float(ENOUGH)) -> float:
    """The share of runs that are ever there."""
    return float((logs.max(axis=-1) >= enough).mean())


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.95, 1.0])
def test_between_equals_the_expected_capital_is_one_to_the_last_digit(
    share: float, rate: float
) -> None:
    total = 0.0
    for steps in itertools.product((0, 1), repeat=8):  # four users: an arm and a value each
        arms, values = np.array(steps[::2]), np.array(steps[1::2], dtype=np.float64)
        chance = np.prod(np.where(arms, share, 1 - share))
        chance *= np.prod(np.where(values, rate, 1 - rate))
        total += chance * np.exp(log_capital(at_random(arms == 1, values, share)))[-1]
    assert total == pytest.approx(1)


@pytest.mark.parametrize(("champion", "challenger"), [(0.2, 0.4), (0.5, 0.5), (0.0, 1.0)])
def test_where_the_challenger_is_not_worse_nothing_is_to_be_won(
    champion: float, challenger: float
) -> None:
    gains = []
    for arm, value in itertools.product((False, True), (0.0, 1.0)):
        rate = challenger if arm else champion
        chance = 0.3 if arm else 0.7
        chance *= rate if value else 1 - rate
        found = at_random(np.array([arm]), np.array([value]), 0.3)
        gains.append(chance * np.exp(log_capital(found))[0])
    assert sum(gains) <= 1 + 1e-12


@pytest.mark.parametrize("rate", [0.5, 0.8, 0.95])
def test_equals_are_told_apart_falsely_in_at_most_five_of_a_hundred_runs(rate: float) -> None:
    arms, values = drawn(1, 0.5, rate, rate)
    found = at_random(arms, values, 0.5)
    assert reached(log_capital(found)) <= 0.05
    assert reached(log_capital(found.turned())) <= 0.05


def test_rates_that_drift_from_user_to_user_deceive_nobody() -> None:
    rng = np.random.default_rng(2)
    rates = 0.5 + 0.45 * np.sin(np.arange(1000) / 100)
    arms = rng.random((1000, 1000)) < 0.2
    values = (rng.random((1000, 1000)) < rates).astype(np.float64)
    assert reached(log_capital(at_random(arms, values, 0.2))) <= 0.05


def test_stars_between_zero_and_one_are_as_good_as_yes_and_no() -> None:
    rng = np.random.default_rng(3)
    arms = rng.random((500, 1000)) < 0.5
    equal, worse = rng.beta(4, 1, (500, 1000)), rng.beta(4, 1.8, (500, 1000))
    assert reached(log_capital(at_random(arms, equal, 0.5))) <= 0.05
    hurt = np.where(arms, worse, equal)
    assert reached(log_capital(at_random(arms, hurt, 0.5))) > 0.95


def known_rates(arms: Array, values: Array, champion: float, challenger: float) -> Array:
    """The bets of somebody who knows both rates, at a share of a half."""
    own, mean = np.where(arms, challenger, champion), (champion + challenger) / 2
    ratios = np.where(values > 0, own / mean, (1 - own) / (1 - mean))
    return np.asarray(np.cumsum(np.log(ratios), axis=1))


@pytest.mark.parametrize(("rate", "users"), [(0.5, 1000), (0.8, 300), (0.95, 300)])
def test_harm_is_found_nearly_as_often_as_by_who_knows_both_rates(rate: float, users: int) -> None:
    arms, values = drawn(4, 0.5, rate, rate - 0.1, users)
    power = reached(log_capital(at_random(arms, values, 0.5)), np.log(25))
    best = reached(known_rates(arms.astype(np.float64), values, rate, rate - 0.1))
    assert power >= 0.8 * best


@pytest.mark.attack
def test_what_counts_of_each_caller_is_never_more_than_all_and_at_most_its_part() -> None:
    rng = np.random.default_rng(8)
    arms, values = drawn(9, 0.5, 0.9, 0.3, users=300, runs=1)
    found = at_random(arms[0], values[0], 0.5)
    callers = rng.integers(0, 3, 300)
    whole, part = log_capital(found), log_capital(found, callers, 0.05)
    assert (part <= whole + 1e-9).all() and part[-1] < whole[-1]
    assert (part <= 0.05 * np.arange(1, 301) + 1e-9).all()
    assert np.allclose(log_capital(found, callers, np.inf), whole)


def test_nobody_bets_more_than_he_has() -> None:
    worst = np.ones(50)
    for found in (
        at_random(np.ones(50, dtype=np.bool_), worst, 0.01),
        at_random(np.zeros(50, dtype=np.bool_), 1 - worst, 0.99),
        side_by_side(worst, 1 - worst),
        side_by_side(1 - worst, worst),
    ):
        assert np.isfinite(log_capital(found)).all()
        assert np.isfinite(log_capital(found.turned())).all()


def test_two_answers_to_one_request_are_compared_side_by_side() -> None:
    rng = np.random.default_rng(5)
    champion = (rng.random((1000, 500)) < 0.9).astype(np.float64)
    equal = (rng.random((1000, 500)) < 0.9).astype(np.float64)
    worse = (rng.random((1000, 500)) < 0.75).astype(np.float64)
    assert reached(log_capital(side_by_side(equal, champion))) <= 0.05
    assert reached(log_capital(side_by_side(worse, champion))) > 0.95


def test_the_bounds_hold_at_all_times_at_once_and_close_in() -> None:
    arms, values = drawn(6, 0.5, 0.8, 0.7, users=2000, runs=40)
    last = [bounds(at_random(a, v, 0.5), 0.05) for a, v in zip(arms, values, strict=True)]
    assert np.mean([low <= -0.1 <= high for low, high in last]) >= 0.95
    assert np.mean([high - low for low, high in last]) < 0.2
    early = bounds(at_random(arms[0, :100], values[0, :100], 0.5), 0.05)
    assert early[0] < last[0][0] < last[0][1] < early[1]


def test_without_users_nothing_is_known() -> None:
    none = at_random(np.zeros(0, dtype=np.bool_), np.zeros(0), 0.5)
    assert isinstance(none, Differences)
    assert bounds(none, 0.05) == (-1, 1)
    assert ratio_e_value(np.zeros(0, dtype=np.bool_), 0.5) == 1


def test_users_who_did_not_fall_to_the_arms_by_the_share_are_noticed() -> None:
    rng = np.random.default_rng(7)
    fair = [ratio_e_value(rng.random(2000) < 0.1, 0.1) for _ in range(500)]
    assert np.mean([e >= 1000 for e in fair]) <= 0.004
    assert ratio_e_value(rng.random(2000) < 0.16, 0.1) >= 1000
