"""What an eval set can show: known values, the rule's own count turned round, and a simulation."""

import numpy as np
import pytest

from evaluation.decision.power import (
    chance,
    chance_of_all,
    detectable,
    percent,
    rounded,
    sealed_power_line,
)
from evaluation.decision.statistics import bounds, items_needed
from registry.alpha_ledger.spending import alpha_at

FIRST = alpha_at(0.05, 1)


@pytest.mark.parametrize(
    ("items", "effect", "known"), [(120, 0.03, 0.597), (300, 0.03, 0.930), (120, 0.0, FIRST)]
)
def test_known_chances(items: int, effect: float, known: float) -> None:
    assert chance(items, effect, 0.155, FIRST) == pytest.approx(known, abs=0.001)


@pytest.mark.parametrize("metrics", [1, 3])
@pytest.mark.parametrize("design", [1.0, 1.7])
def test_it_is_the_count_of_the_rule_turned_round(metrics: int, design: float) -> None:
    items = items_needed(0.15, 0.02, FIRST, 0.8, metrics, design)
    each = chance(items, 0.02, 0.15, FIRST, design)
    assert chance_of_all([each] * metrics) == pytest.approx(0.8, abs=0.002)
    assert detectable(items, 0.15, FIRST, each, design) == pytest.approx(0.02)


def test_the_gain_that_is_found_in_four_of_five_cases_is_found_in_four_of_five_cases() -> None:
    assert chance(120, detectable(120, 0.17, FIRST), 0.17, FIRST) == pytest.approx(0.8)


@pytest.mark.parametrize(("effect", "items"), [(0.03, 120), (0.05, 60), (0.02, 400)])
def test_a_simulated_test_finds_a_gain_about_as_often(effect: float, items: int) -> None:
    draws = np.random.default_rng(items).normal(effect, 0.17, (4000, items))
    errors = draws.std(axis=1, ddof=1) / np.sqrt(items)
    pairs = zip(draws.mean(axis=1), errors, strict=True)
    won = [bounds(diff, se, items - 1, FIRST)[0] > 0 for diff, se in pairs]
    assert np.mean(won) == pytest.approx(chance(items, effect, 0.17, FIRST), abs=0.03)


def test_items_of_one_cluster_say_less() -> None:
    """Pairs of equal items: the design effect is 2, and half of the items would show as much."""
    assert chance(200, 0.03, 0.17, FIRST, design=2.0) == chance(100, 0.03, 0.17, FIRST)


def test_all_metrics_win_at_least_as_often_as_the_bound_says() -> None:
    rng = np.random.default_rng(3)
    each = chance(200, 0.03, 0.17, FIRST)
    shared = rng.normal(size=(4000, 1))
    z = 0.7 * shared + np.sqrt(1 - 0.49) * rng.normal(size=(4000, 3))
    threshold = np.quantile(rng.normal(size=100_000), 1 - each)
    together = float((z > threshold).all(axis=1).mean())
    assert chance_of_all([each] * 3) <= together <= each + 0.02
    assert chance_of_all([0.3, 0.3]) == 0.0


def test_the_sentence_says_what_it_rests_on() -> None:
    said = sealed_power_line(120, 0.03, "rougeL", FIRST, measured=0.16)
    assert said == (
        "120 sealed items find +0.03 in rougeL in about 57 % of cases, 290 in about 90 %; they "
        "find +0.04 in about 80 % (a spread of 0.16 between the items' differences is measured "
        "on dev in the last run; look 1, alpha 0.0304)"
    )
    assumed = sealed_power_line(1000, 0.03, "rougeL", FIRST)
    assert assumed is not None
    assert "in over 99 % of cases; they find" in assumed
    assert "is assumed" in assumed


def test_of_a_metric_whose_spread_nobody_knows_nothing_is_said() -> None:
    assert sealed_power_line(120, 0.03, "of-their-own", FIRST) is None
    assert sealed_power_line(120, 0.03, "rougeL", FIRST, measured=0.0) is None


def test_numbers_are_rounded_as_people_say_them() -> None:
    assert [percent(p) for p in (0.004, 0.304, 0.996)] == ["under 1 %", "about 30 %", "over 99 %"]
    assert [rounded(n) for n in (7, 84, 263, 1201)] == [7, 84, 270, 1300]
