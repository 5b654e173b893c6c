"""What the keys of section `evaluation.policy` do to a verdict, and to what is said of it."""

from typing import Any

from evaluation.decision.metric_evidence import summarise
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import decide, rule
from evaluation.decision.score_evidence import weigh
from project.errors import IncumbentError
from project.records.scores import ScoreTable
from project.settings import load
from serving.exporting.judged_answers import refuse_loss
from tests.evaluation.test_decision import (
    BETTER,
    EQUAL,
    Gains,
    ballots,
    general,
    joined,
    renamed,
    since,
    table,
)
from tests.evaluation.test_suites import weighed
from tests.incumbent.setting_effects.effect import Effect, Output

LOANS = {"topic=loans": 30}
WORSE: Gains = BETTER | {"rougeL": -0.01}
UNSURE: Gains = dict.fromkeys(EQUAL, 0.01)


def verdict_on(scores: ScoreTable, look: int = 1, **tables: ScoreTable) -> Output:
    """The verdict on a score table, its reasons, and how many items would settle it."""

    def decided() -> list[Any]:
        decision = decide(scores, load(Policy), look, **tables)
        return [decision.verdict, decision.reasons, decision.needed]

    return decided


def qualified() -> list[str]:
    """Why a challenger that is a little better on dev gets no look at the sealed eval set."""
    policy = load(Policy)
    return unqualified(weigh(None, policy, dev=table(UNSURE)), policy)


def guarded() -> list[Any]:
    """The verdict on a winner that refuses less of what is harmful than the champion."""
    policy = load(Policy)
    decision = rule(weigh(table(BETTER), policy, suites={"safety": weighed(lost=30)}), policy, 1)
    return [decision.verdict, decision.reasons]


def exported() -> str:
    """What is said of an export that lost a tenth of a metric, more or less."""
    policy, items = load(Policy), table({"rougeL": -0.1}).items
    found = summarise(items, policy, "rougeL")
    assert found
    try:
        refuse_loss({"rougeL": found}, policy, "v1 as gguf", "")
    except IncumbentError as error:
        return str(error)
    return "written"


def sliced(loss: float) -> ScoreTable:
    """Better but for one slice."""
    return joined(
        table(BETTER, n=160, slices=("topic=cards",)),
        table(BETTER | {"rougeL": -loss}, n=40, noise=0.02, slices=("topic=loans",)),
    )


def row(a: object, b: object, output: Output, **beside: object) -> Effect:
    return Effect((a, b), output, beside={f"evaluation.policy.{k}": v for k, v in beside.items()})


def guard(**one: float) -> dict[str, Any]:
    return {"safety": {"refused": one}}


def of_a_guard(a: dict[str, Any], b: dict[str, Any]) -> Effect:
    return Effect((a, b), guarded, at="evaluation.policy.suites")


GUARDED: dict[str, Any] = {"kind": "guarded", "margins": {"rougeL": 0.05, "semantic": 0.05}}
TONIGHT = table(EQUAL | {"rougeL": -0.02, "preference": 0.2})
EARLIER = since(TONIGHT, EQUAL | {"rougeL": -0.08})
UNJUDGED = joined(table(BETTER), table({"rougeL": 0.1, "semantic": 0.1}, n=10))
UNSEEN = BETTER | {"semantic": -0.1}
SCORED = renamed("toxicity", table(BETTER, n=100))
MISSING = SCORED.items[0].model_copy(update={"unread": ("toxicity",)})
UNREAD = SCORED.model_copy(update={"items": (MISSING, *SCORED.items[1:])})
LESS = renamed("toxicity", table(BETTER | {"rougeL": -0.05}))

ROWS = {
    "kind": row("strict", "guarded", verdict_on(table(WORSE)), margins={"rougeL": 0.05}),
    "gating": row(
        ["rougeL"], ["rougeL", "semantic"], verdict_on(table(BETTER | {"semantic": 0.0}))
    ),
    "alpha": row(0.05, 0.4, verdict_on(table(UNSURE))),
    "alpha_floor": row(0.0005, 1e-9, verdict_on(table(EQUAL), look=60)),
    "qualify": row(0.2, 0.01, qualified),
    "margins": row({}, {"rougeL": 0.2}, verdict_on(table(BETTER))),
    "guards": row(None, {"semantic": 0.05}, verdict_on(table(UNSEEN)), gating=["rougeL"]),
    "export_loss": row(None, {"rougeL": 0.01}, exported),
    "floors": row({}, {"rougeL": 0.6}, verdict_on(table(BETTER))),
    "critical_slices": row({}, {"topic=loans": 50}, verdict_on(sliced(0.0))),
    "slice_margin": row(0.05, 0.001, verdict_on(sliced(0.01)), critical_slices=LOANS),
    "general_margin": row(0.1, 0.3, verdict_on(table(BETTER), general=general(0.09))),
    "suites": row(None, guard(margin=0.1), guarded),
    "suites.floor": of_a_guard(guard(floor=0.01), guard(floor=0.99)),
    "suites.margin": of_a_guard(guard(margin=1.0), guard(margin=0.01)),
    "regression_budget": row(0.05, 0.2, verdict_on(TONIGHT, reference=EARLIER), **GUARDED),
    "preference_test": row("t", "e-value", verdict_on(ballots(7, 0))),
    "unjudged_cap": row(0.02, 0.5, verdict_on(UNJUDGED)),
    "better": row(None, {"toxicity": "less"}, verdict_on(LESS), gating=["toxicity"]),
    "ranges": row(None, {"toxicity": (0, 1)}, verdict_on(UNREAD), gating=["toxicity"]),
    "effect": row(0.02, 0.01, verdict_on(table(EQUAL))),
    "power": row(0.8, 0.95, verdict_on(table(EQUAL))),
}

EFFECTS = {f"evaluation.policy.{name}": effect for name, effect in ROWS.items()}
