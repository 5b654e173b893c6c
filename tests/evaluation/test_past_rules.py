"""A past rule gives what it gave, word for word, whatever becomes of today's."""

from itertools import product

import pytest

from evaluation.decision.evidence import weigh
from evaluation.decision.past_rules import rule_1
from evaluation.decision.policy import Policy
from evaluation.decision.replay import RULES, remake
from evaluation.decision.rule import VERSION, rule
from project.canonical import digest_json
from project.errors import IncumbentError
from project.records.scores import Evidence, ScoreTable, Verdict
from tests.evaluation.test_decision import BETTER, ballots, calibration, table

EQUAL = {"rougeL": 0.0, "semantic": 0.0, "preference": 0.0}
WORSE = {"rougeL": -0.1, "semantic": 0.1, "preference": 0.2}
POLICIES = {
    "strict": {},
    "guarded": {"kind": "guarded", "margins": {"rougeL": 0.02}},
    "floored": {"floors": {"rougeL": 0.9}},
    "sliced": {"critical_slices": {"topic=a": 500}},
    "e-value": {"preference_test": "e-value"},
}


def halved(gains: dict[str, float]) -> ScoreTable:
    """A table of two slices."""
    scores = table(gains)
    items = tuple(
        item.model_copy(update={"slices": (f"topic={'ab'[i % 2]}",)})
        for i, item in enumerate(scores.items)
    )
    return scores.model_copy(update={"items": items})


def evidence() -> dict[str, Evidence]:
    tables = {"better": halved(BETTER), "equal": halved(EQUAL), "worse": halved(WORSE)}
    found = {
        name: weigh(scores, Policy(), dev=table(BETTER), general=scores, reference=scores)
        for name, scores in tables.items()
    }
    found["voted"] = weigh(ballots(7, 0), Policy())
    found["unqualified"] = weigh(table(BETTER), Policy(), dev=table(EQUAL))
    for accuracy in (0.5, 0.9):
        poor = calibration().model_copy(update={"accuracy": accuracy})
        found[f"judged {accuracy}"] = weigh(table(BETTER), Policy(), calibration=poor)
    return found


def decisions() -> list[list[object]]:
    """What the first rule says in every case of a table: no digests, and no last bits of floats."""
    made: list[list[object]] = []
    left_out = {"evidence", "policy", "pins", "bounds"}
    for (name, weighed), (kind, settings), look in product(
        evidence().items(), POLICIES.items(), (None, 1, 40)
    ):
        if kind != "sliced" or weighed.slices:
            found = rule_1.rule(weighed, rule_1.Policy.model_validate(settings), look)
            made.append([name, kind, look, found.model_dump(mode="json", exclude=left_out)])
    return made


def test_the_first_rule_is_frozen() -> None:
    assert digest_json(decisions())[:16] == "325052eccb50380c"


def test_it_is_frozen_in_all_of_its_verdicts() -> None:
    verdicts = {said["verdict"] for *_, said in decisions() if isinstance(said, dict)}
    assert verdicts == set(Verdict)


def test_a_decision_is_made_again_by_the_rule_that_it_names() -> None:
    weighed = weigh(table(BETTER), Policy(), dev=table(EQUAL))
    now, then = rule(weighed, Policy(), None), rule_1.rule(weighed, rule_1.Policy(), None)
    assert (now.rule, then.rule) == (VERSION, None)
    assert now.reasons != then.reasons
    for stored in (now, then):
        assert remake(stored, weighed, Policy().canonical()) == stored


def test_a_rule_of_a_newer_version_is_named() -> None:
    weighed = weigh(table(BETTER), Policy())
    newer = rule(weighed, Policy(), 1).model_copy(update={"rule": max(RULES) + 1})
    with pytest.raises(IncumbentError, match=r"install a newer one"):
        remake(newer, weighed, Policy().canonical())
