"""As many more items as a HOLD asks for win the next look as often as it says."""

import numpy as np
import pytest

from evaluation.decision.metric_evidence import HALVES
from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.decision.statistics import Array, bounds, paired
from evaluation.decision.ways_out import Prospect, more_items
from project.records.evidence import MetricEvidence, Verdict
from registry.alpha_ledger.spending import alpha_at
from tests.evaluation.test_decision import EQUAL, table

NEXT = alpha_at(0.05, 2)


def evidence_of(values: Array) -> MetricEvidence:
    found = paired(values, [str(i) for i in range(len(values))])
    told = {"champion_mean": None, "challenger_mean": None, "wins": 0, "losses": 0}
    measured = {name: getattr(found, name) for name in ("n", "clusters", "diff", "sd", "se", "df")}
    return MetricEvidence(**measured, **told, unjudged=0, p=0.5, bootstrap=HALVES)


def drawn(n: int, seed: int) -> Array:
    """Differences that are ahead by less than a bound can see: a mean of 0.02, a spread of 0.2."""
    values = np.random.default_rng(seed).normal(size=n)
    return 0.02 + 0.2 * (values - values.mean()) / values.std()


@pytest.mark.parametrize("metrics", [1, 3])
def test_in_four_of_five_cases_all_metrics_win_the_next_look(metrics: int) -> None:
    there = [drawn(200, seed) for seed in range(metrics)]
    more = more_items([Prospect(evidence_of(d), 0.05, 0.0, NEXT) for d in there], 0.8)
    assert more
    rng, won = np.random.default_rng(7), 0
    for _ in range(1000):
        whole = [np.concatenate([d, rng.normal(0.05, 0.2, more)]) for d in there]
        errors = [d.std(ddof=1) / len(d) ** 0.5 for d in whole]
        lower = [
            bounds(d.mean(), e, len(d) - 1, NEXT)[0] for d, e in zip(whole, errors, strict=True)
        ]
        won += min(lower) > 0
    assert won / 1000 == pytest.approx(0.8, abs=0.04)


def test_what_is_there_goes_on_to_count() -> None:
    """Whoever is behind needs more items than whoever is ahead."""
    ahead, behind = drawn(200, 1), drawn(200, 1) - 0.04
    needed = [more_items([Prospect(evidence_of(d), 0.05, 0.0, NEXT)], 0.8) for d in (ahead, behind)]
    assert needed[0] and needed[1]
    assert needed[0] < needed[1] - 100


def test_an_effect_that_the_margin_asks_for_is_never_found() -> None:
    assert more_items([Prospect(evidence_of(drawn(200, 1)), 0.05, 0.05, NEXT)], 0.8) is None


def test_a_bound_that_holds_for_any_distribution_asks_for_more_items() -> None:
    scores, policy = table(EQUAL | {"rougeL": 0.02}, noise=0.2), Policy(gating=("rougeL",))
    weighed = weigh(scores, policy)
    by_t = {"rougeL": weighed.sealed["rougeL"].model_copy(update={"sure": None})}
    held = [rule(one, policy, 3) for one in (weighed, weighed.model_copy(update={"sealed": by_t}))]
    assert [decision.verdict for decision in held] == [Verdict.HOLD] * 2
    assert held[0].needed and held[1].needed
    assert held[0].needed > held[1].needed
