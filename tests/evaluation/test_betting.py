"""The bets of votes and of experiments: one mechanism, and the numbers that each had of its own."""

import numpy as np
import pytest

from evaluation.decision.statistics import log_capital_above, log_capital_of, smallest
from evaluation.preference.ballots.preference_estimate import e_value
from serving.experiments.arrivals import at_random
from serving.experiments.experiment_judging import bounds, log_capital

JUDGE, CHANCES = [0.9, 0.2, 0.6, 0.5], [0.4, 0.3, 0.2, 0.1]
VOTES = [(i % 4, float(i % 3 != 0)) for i in range(12)]


def equal(value: float) -> object:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def test_votes_are_worth_to_the_digit_what_they_were_when_their_bets_stood_alone() -> None:
    assert e_value(JUDGE, VOTES, CHANCES, 0.4) == equal(2.017890344573398)


def test_so_are_answers_of_an_experiment() -> None:
    arms, numbers = np.arange(60) % 3 == 0, np.arange(60) % 2
    found = at_random(arms, np.where(arms, numbers, 1.0), 1 / 3)
    assert log_capital(found)[-1] == equal(7.1059409779925655)
    assert log_capital(found, numbers, 0.05)[-1] == equal(1.3864285694407539)
    assert bounds(found, 0.05) == (equal(-0.955657958984375), equal(-0.16183853149414062))


def test_capital_is_the_mean_of_its_parts_by_their_shares() -> None:
    steps = np.log([[2.0, 3.0], [0.5, 1.0]])
    assert np.exp(log_capital_of(steps, np.array([0.25, 0.75]))) == equal_all([0.875, 1.875])


def test_a_bet_on_a_mean_risks_its_share_and_never_more_than_it_has() -> None:
    ones = np.ones(1)
    assert np.exp(log_capital_above(0.5, ones, 0 * ones, np.array([0.5]))) == equal_all([1.5])
    assert np.exp(log_capital_above(0.5, 0 * ones, 0 * ones, np.array([0.5]))) == equal_all([0.5])
    assert np.isfinite(log_capital_above(0.5, -5 * ones, ones, np.array([0.9]))).all()


def equal_all(values: list[float]) -> object:
    return pytest.approx(np.array(values), rel=1e-12)


def test_where_a_condition_begins_is_found_from_below() -> None:
    assert smallest(lambda x: x > 0.3, -1.0, 1.0, 40) == equal(0.3)
    assert smallest(lambda x: x > 0.3, -1.0, 1.0, 40) <= 0.3
