"""Bounds that hold for any distribution: their level, their width, and what has no part in them."""

import numpy as np
import pytest

from benchmarks.rare_losses import alpha_of, level_of_bets, level_of_t, values_of
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import Case, p_loss, reach
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.decision.statistics import LEVELS, bounds, paired, sure_bounds
from project.records.evidence import SureBounds, Verdict
from project.records.scores import ItemScore, ScoreTable
from registry.alpha_ledger.spending import Look

ROUGE = Policy(gating=("rougeL",))


def names(n: int) -> list[str]:
    return [f"i{i}" for i in range(n)]


def level_at(found: SureBounds, alpha: float) -> tuple[float, float]:
    there = found.at(alpha)
    assert there is not None
    return there


def scored(differences: list[float], slices: list[str] | None = None) -> ScoreTable:
    """A table in rougeL; an item of no slice where none are named."""
    items = [
        ItemScore(
            item=f"i{i}",
            slices=(slices[i],) if slices else (),
            champion={"rougeL": 0.5},
            challenger={"rougeL": 0.5 + d},
        )
        for i, d in enumerate(differences)
    ]
    return ScoreTable(pins=None, items=tuple(items))


def few_large(n: int, share: float, end: float) -> list[float]:
    """A mean of 0: a share of the items at one end, all others a little beyond 0."""
    count = round(n * share)
    rest = -end * count / (n - count)
    return [end] * count + [rest + 0.001 * (-1) ** i for i in range(n - count)]


@pytest.mark.parametrize("look", [3, 10, 30])
def test_rare_losses_win_no_more_often_than_alpha_says(look: int) -> None:
    """By weighing draws; t's bound wins far more often than it may."""
    alpha = alpha_of(look)
    for share, noise in ((0.05, 0.1), (0.01, 0.005)):
        level, error = level_of_bets(300, share, noise, alpha)
        assert level + 3 * error < 1.2 * alpha
    assert level_of_bets(500, 0.1, 0.2, alpha)[0] > 0
    assert level_of_t(300, 0.01, 0.005, alpha) > 10 * alpha


def test_weighed_draws_agree_with_plain_ones() -> None:
    rng, (values, chances), won = np.random.default_rng(4), values_of(0.05, 0.1), 0
    for _ in range(150):
        drawn = rng.choice(values, 100, p=chances)
        won += level_at(sure_bounds(drawn, names(100), -1, 1), 0.1)[0] >= 0
    level, error = level_of_bets(100, 0.05, 0.1, 0.1)
    assert won / 150 == pytest.approx(level, abs=3 * error + 3 * (level / 150) ** 0.5)


def test_where_differences_are_nearly_normal_the_bound_is_hardly_wider_than_t() -> None:
    drawn = np.random.default_rng(1).normal(0.05, 0.17, 1000).clip(-1, 1)
    found, t = sure_bounds(drawn, names(1000), -1, 1), paired(drawn, names(1000))
    for alpha in (0.03, 0.003, 0.0003):
        half = t.diff - bounds(t.diff, t.se, t.df, alpha)[0]
        lower, upper = level_at(found, alpha)
        assert 0.9 * half < t.diff - lower < 1.35 * half
        assert 0.9 * half < upper - t.diff < 1.35 * half


def test_bounds_widen_as_levels_fall_and_stay_on_the_range() -> None:
    found = sure_bounds(np.array(few_large(60, 0.1, -0.5)), names(60), -1, 1)
    assert found.levels == LEVELS
    assert list(found.lower) == sorted(found.lower, reverse=True)
    assert list(found.upper) == sorted(found.upper)
    assert -1 <= found.lower[-1] < 0 < found.upper[-1] <= 1


def test_neither_the_order_of_items_nor_turning_sides_round_changes_the_bounds() -> None:
    drawn, order = np.array(few_large(50, 0.1, 0.4)), np.random.default_rng(0).permutation(50)
    found = sure_bounds(drawn, names(50), -1, 1)
    again = sure_bounds(drawn[order], [names(50)[i] for i in order], -1, 1)
    other = sure_bounds(-drawn, names(50), -1, 1)
    assert found == again
    assert other.upper == tuple(-low for low in found.lower)


def test_a_cluster_is_one_bet_however_many_items_it_has() -> None:
    once = sure_bounds(np.full(40, 0.2), names(40), -1, 1)
    five = sure_bounds(np.full(200, 0.2), [name for name in names(40) for _ in range(5)], -1, 1)
    assert five == once


def test_a_look_between_two_levels_is_judged_by_the_smaller_and_below_all_by_none() -> None:
    found = SureBounds(levels=(0.1, 0.01), lower=(0.2, 0.1), upper=(0.3, 0.4))
    assert found.at(0.05) == found.at(0.01) == (0.1, 0.4)
    assert found.at(0.009) is None


@pytest.mark.attack
def test_a_challenger_whose_losses_are_few_and_large_does_not_win_a_late_look() -> None:
    """None of 200 items shows the loss of a half that 1 % of all items have: t is quite sure."""
    gains = [0.006 + 0.001 * (-1) ** i for i in range(200)]
    weighed = weigh(scored(gains), ROUGE)
    found = weighed.sealed["rougeL"]
    assert bounds(found.diff, found.se, found.df, alpha_of(30))[0] > 0.005
    assert reach(found, alpha_of(30))[0] < 0
    assert rule(weighed, ROUGE, 30).verdict is Verdict.HOLD


@pytest.mark.attack
def test_from_three_hundred_clusters_on_it_does_not_win_a_first_look_either() -> None:
    gains = [0.006 + 0.001 * (-1) ** i for i in range(300)]
    assert rule(weigh(scored(gains), ROUGE), ROUGE, 1).verdict is Verdict.HOLD


def test_few_large_gains_in_a_slice_are_no_loss() -> None:
    """The others of the slice lose next to nothing; by t they are clearly worse."""
    slice_of_it = few_large(100, 0.02, 0.5)[2:]
    weighed = weigh(
        scored([*slice_of_it, *slice_of_it], ["topic=a"] * 98 + ["topic=b"] * 98), ROUGE
    )
    found = weighed.slices["topic=a"]["rougeL"]
    t = bounds(found.diff, found.se, found.df, 0.0001)
    assert t[1] < 0
    assert p_loss(found) > 0.1
    reasons = rule(weighed, ROUGE, 1).reasons
    assert not [reason for reason in reasons if reason.startswith("slice ")]


def test_a_slice_that_lost_much_still_says_no() -> None:
    gains = [0.1 + 0.01 * (-1) ** i for i in range(160)]
    losses = [-0.2 + 0.05 * (-1) ** i for i in range(40)]
    slices = ["topic=a"] * 160 + ["topic=b"] * 40
    decision = rule(weigh(scored(gains + losses, slices), ROUGE), ROUGE, 1)
    assert decision.verdict is Verdict.REJECT
    assert decision.reasons[0] == "slice topic=b is clearly worse in rougeL: -0.200 on 40 items"


def test_a_metric_that_says_no_range_is_judged_by_t_at_every_look() -> None:
    items = scored([0.1 + 0.01 * (-1) ** i for i in range(60)]).items
    own = [
        item.model_copy(
            update={
                side: {"own": getattr(item, side)["rougeL"]} for side in ("champion", "challenger")
            }
        )
        for item in items
    ]
    policy = Policy(gating=("own",))
    found = weigh(ScoreTable(pins=None, items=tuple(own)), policy).sealed["own"]
    assert found.sure is None
    assert reach(found, 1e-6) == bounds(found.diff, found.se, found.df, 1e-6)


def test_the_next_look_of_a_case_is_judged_at_the_next_level() -> None:
    case = Case(weigh(scored([0.1, 0.2, 0.3]), ROUGE), ROUGE, Look(number=2, budget=0.05), 0.0076)
    assert case.next_alpha == pytest.approx(alpha_of(3))


def test_a_slice_of_scores_in_per_cent_is_not_taken_for_one_of_shares() -> None:
    def item(i: int) -> ItemScore:
        low = i % 2 == 0  # scores that would fit a share, too
        scores = {"rougeL": 0.1 + i / 100 if low else 40.0 + i}
        more = {"rougeL": scores["rougeL"] + 0.1}
        slices = ("k=low" if low else "k=high",)
        return ItemScore(item=str(i), slices=slices, champion=scores, challenger=more)

    found = weigh(ScoreTable(pins=None, items=tuple(map(item, range(40)))), ROUGE)
    assert {name: part["rougeL"].sure for name, part in found.slices.items()} == {
        "k=high": None,
        "k=low": None,
    }
