"""What the benchmarks of promotions leave out changes none of their verdicts."""

import numpy as np
import pytest
from scipy import stats

from benchmarks import promotion_adversaries
from benchmarks.promotion_adversaries import (
    ADVERSARIES,
    RECORD,
    SCENARIOS,
    blocks,
    empty_registry,
    falsely_promoted,
    listed,
)
from benchmarks.promotion_rules import (
    GUARDED,
    STRICT,
    measured,
    on_dev_alone,
    one_night,
    verdict_on,
)
from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from project.records.evidence import Verdict
from registry.alpha_ledger.spending import Look
from tests.conftest import ROOT

WHO = (
    "honest",
    "kills looks",
    "takes other registries",
    "splits trained rows",
    "rotates",
    "changes the policy",
    "rolls true champions",
    "moves to another family",
    "same look in another family",
)
BETTER = (0.05, 0.05, 0.06)  # so that some are promoted within few nights


def test_weighing_lucky_looks_alone_comes_to_the_verdicts_of_weighing_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promotion_adversaries, "LEVEL_AFTER", {})
    verdicts = {}
    with empty_registry() as template:
        for name in WHO:
            for seed in (1, 2):  # the second finds levels that the first left
                project = listed(seed, name, BETTER, nights=5)
                ways = [falsely_promoted(project, template, in_full=full) for full in (False, True)]
                verdicts[name, seed] = ways
    assert all(short == full for short, full in verdicts.values()), verdicts
    assert {False, True} <= {full for _, full in verdicts.values()}


@pytest.mark.parametrize("policy", [STRICT, GUARDED], ids=["strict", "guarded"])
def test_computing_bounds_where_they_may_decide_comes_to_the_verdict_of_the_rule(
    policy: Policy,
) -> None:
    verdicts = []
    for gain in (-0.1, 0.0, 0.06, 0.1):
        for seed in range(4):
            d = one_night(seed, 150, np.full(3, gain))
            look = Look(number=1 + seed, budget=policy.alpha)
            evidence = on_dev_alone(d, policy)
            judged = evidence.model_copy(update={"sealed": measured(d, policy, sealed=True)})
            verdicts.append(rule(judged, policy, look.number, look.budget).verdict)
            assert verdict_on(d, evidence, policy, look) is verdicts[-1]
    assert set(verdicts) == set(Verdict)


def test_the_documentation_has_the_runs_that_are_on_record() -> None:
    page = (ROOT / "docs" / "explain" / "decision.md").read_text()
    scenario = next(iter(SCENARIOS))
    for name in ADVERSARIES:
        found = blocks(ROOT / RECORD, name, scenario)
        runs, won = sum(block.runs for block in found), sum(block.promoted for block in found)
        if not runs:
            continue
        interval = stats.binomtest(won, runs).proportion_ci(method="exact")
        between = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
        assert f"| {runs:,} | {100 * won / runs:.1f} % ({between}) |" in page, name
