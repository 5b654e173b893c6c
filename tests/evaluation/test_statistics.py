"""Known values, and properties that every interval must have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.decision.power import (
    chance,
    chance_of_all,
    detectable,
    percent,
    rounded,
    sealed_power_line,
)
from evaluation.decision.statistics import (
    bounds,
    e_value,
    holm,
    items_needed,
    p_above,
    p_below,
    paired,
    satterthwaite,
)
from registry.alpha_ledger.spending import alpha_at

values = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=3, max_size=40)


def own_clusters(count: int) -> list[str]:
    return [str(i) for i in range(count)]


@given(values)
def test_without_clusters_it_is_the_paired_t_test(differences: list[float]) -> None:
    found = paired(np.array(differences), own_clusters(len(differences)))
    assert found.se == pytest.approx(stats.sem(differences), abs=1e-12)
    assert found.df == len(differences) - 1


def test_clusters_by_hand() -> None:
    # Mean 0.25; cluster sums of residuals −0.5, 0, 0.5, over 1 − n_c/n of 1/2, 3/4, 3/4.
    found = paired(np.array([0.0, 0.0, 0.25, 0.75]), ["a", "a", "b", "c"])
    assert found.se == pytest.approx(((0.25 / 0.5 + 0.25 / 0.75) / 16) ** 0.5)
    # n² / (Σ n_c² + Σ_{c≠d} r_c r_d / n²) with r = n_c² / (1 − n_c/n): 8, 4/3 and 4/3.
    assert found.df == pytest.approx(16 / (6 + (4 * 8 * 4 / 3 + 2 * 16 / 9) / 16))
    assert (found.n, found.clusters) == (4, 3)


@pytest.mark.parametrize(("size", "count"), [(1, 30), (5, 40), (10, 20)])
def test_clusters_of_one_size_have_the_usual_factor(size: int, count: int) -> None:
    rng = np.random.default_rng(size)
    differences = rng.normal(size=size * count)
    found = paired(differences, [str(i // size) for i in range(size * count)])
    sums = (differences - differences.mean()).reshape(count, size).sum(1)
    usual = np.sqrt(count / (count - 1) * np.square(sums).sum()) / (size * count)
    assert found.se == pytest.approx(usual)
    assert found.df == count - 1


@pytest.mark.parametrize(
    ("sizes", "df"),
    [([100] + [5] * 19, 3.45), ([200] + [4] * 49, 3.77), ([180] + [5] * 4, 1.17), ([199, 1], 1.0)],
)
def test_one_large_cluster_counts_as_few(sizes: list[int], df: float) -> None:
    assert satterthwaite(np.array(sizes, np.float64)) == pytest.approx(df, abs=0.005)


@pytest.mark.parametrize("sizes", [[10] * 20, [60] + [5] * 28, [90] + [5] * 30])
def test_the_level_holds_where_clusters_differ_in_size(sizes: list[int]) -> None:
    """No difference, all of a cluster's items alike: won at 3 % in about 3 % of draws."""
    rng = np.random.default_rng(sum(sizes))
    clusters = [str(c) for c, size in enumerate(sizes) for _ in range(size)]
    won, draws = 0, 4000
    for _ in range(draws):
        found = paired(np.repeat(rng.normal(size=len(sizes)), sizes), clusters)
        won += bounds(found.diff, found.se, found.df, 0.03)[0] > 0
    assert won / draws < 0.036 + 2 * (0.036 * 0.964 / draws) ** 0.5


@given(values)
def test_copies_of_an_item_add_no_certainty(differences: list[float]) -> None:
    once = paired(np.array(differences), own_clusters(len(differences)))
    twice = paired(np.array(differences * 2), own_clusters(len(differences)) * 2)
    assert twice.se == pytest.approx(once.se, abs=1e-12)
    assert twice.df == once.df


def test_one_cluster_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least two clusters"):
        paired(np.array([0.1, 0.2]), ["a", "a"])


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    clusters = [str(i // 5) for i in range(200)]
    misses = 0
    for _ in range(1000):
        common = np.repeat(rng.normal(0, 0.1, 40), 5)
        found = paired(common + rng.normal(0, 0.1, 200), clusters)
        lower, _ = bounds(found.diff, found.se, found.df, 0.05)
        misses += lower > 0
    assert misses / 1000 == pytest.approx(0.05, abs=0.02)


def test_the_bootstrap_agrees_with_the_normal_interval() -> None:
    differences = np.random.default_rng(1).normal(0.1, 0.2, 400)
    found = paired(differences, own_clusters(400))
    assert found.bootstrap == pytest.approx(bounds(found.diff, found.se, 399, 0.05), abs=0.004)


def test_the_bootstrap_of_very_many_clusters_agrees_too() -> None:
    differences = np.random.default_rng(1).normal(0.1, 0.2, 40_000)
    found = paired(differences, own_clusters(40_000))
    assert found.bootstrap == pytest.approx(bounds(found.diff, found.se, 39_999, 0.05), abs=4e-4)


def test_p_values_and_bounds_are_two_sides_of_one_test() -> None:
    lower, upper = bounds(0.1, 0.05, 30, 0.05)
    assert p_above(0.1, 0.05, 30, lower) == pytest.approx(0.05)
    assert p_below(0.1, 0.05, 30, upper) == pytest.approx(0.05)


def test_differences_without_spread_say_nothing() -> None:
    assert paired(np.array([0.1, 0.1, 0.1]), own_clusters(3)).se == 0.0
    assert p_above(0.1, 0.0, 5, 0.0) == 1.0
    assert p_below(-0.1, 0.0, 5, 0.0) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize(("metrics", "needed"), [(1, 348), (3, 557)])
def test_items_needed_known_values(metrics: int, needed: int) -> None:
    assert items_needed(0.15, 0.02, alpha=0.05, power=0.8, metrics=metrics) == needed


def test_a_design_effect_of_two_needs_twice_the_items() -> None:
    once, twice = (items_needed(0.15, 0.02, 0.05, 0.8, design=d) for d in (1.0, 2.0))
    assert twice == pytest.approx(2 * once, abs=1)


@pytest.mark.parametrize(
    ("wins", "losses", "known"), [(6, 0, 18.14), (7, 0, 31.88), (10, 2, 9.44), (60, 40, 1.78)]
)
def test_e_values_known_values(wins: int, losses: int, known: float) -> None:
    assert e_value(wins, losses) == pytest.approx(known, abs=0.006)


def test_no_ballot_is_no_evidence_and_very_many_do_not_overflow() -> None:
    assert e_value(0, 0) == pytest.approx(1.0)
    assert e_value(10_000, 0) == float("inf")
    assert e_value(0, 10_000) < 1e-3


def test_a_coin_rarely_ever_reaches_the_threshold_however_often_one_looks() -> None:
    rng = np.random.default_rng(2)
    fooled = 0
    for _ in range(400):
        wins = np.cumsum(rng.integers(2, size=100))
        fooled += any(e_value(int(w), i - int(w)) >= 20 for i, w in enumerate(wins, start=1))
    assert fooled / 400 <= 0.05


# --- power ----------------------------------------------------------------------------------------

# What an eval set can show: known values, the rule's own count turned round, and a simulation.

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
