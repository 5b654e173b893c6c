"""A rule gives what it gave, word for word: another word is another version of it."""

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.decision_replay import RULES, Rule, remake
from evaluation.decision.policy import Policy
from evaluation.decision.rule import VERSION, rule
from evaluation.decision.score_evidence import weigh
from project.canonical import digest_json
from project.errors import IncumbentError
from project.records.evidence import Decision, Evidence, Verdict
from tests.evaluation.test_decision import BETTER, table

# Evidence as it was stored: better, equal, worse in one metric, by ballots, not qualified, with a
# source of preference that is poor or good, and in a range, where an item is missing.
EVIDENCE = Path(__file__).with_name("rule_evidence.jsonl")
POLICIES: dict[str, dict[str, Any]] = {
    "strict": {},
    "guarded": {"kind": "guarded", "margins": {"rougeL": 0.02}},
    "floored": {"floors": {"rougeL": 0.9}},
    "sliced": {"critical_slices": {"topic=a": 500}},
    "e-value": {"preference_test": "e-value"},
    "guards": {"guards": {"extra": 0.1}, "better": {"extra": "less"}},
}
# Of all that a rule says on all of it. Another digest means other words, numbers or fields: once
# the rule was released, the one that it was stays in RULES, and VERSION counts on.
DIGESTS = {1: "cb48db4e739b0005"}


@cache
def evidence() -> dict[str, Evidence]:
    lines = map(json.loads, EVIDENCE.read_text().splitlines())
    return {line["name"]: Evidence.model_validate(line["evidence"]) for line in lines}


def decisions(version: int) -> list[list[Any]]:
    """What a rule says in every case of a table: no digests, and no last bits of floats."""
    made: list[list[Any]] = []
    left_out = {"evidence", "policy", "pins", "bounds"}
    frozen = RULES[version]
    for (name, weighed), (kind, settings), look in product(
        evidence().items(), POLICIES.items(), (None, 1, 40)
    ):
        unfit = (kind == "sliced" and not weighed.slices) or (
            kind == "guards" and "extra" not in weighed.sealed
        )
        if not unfit:
            found = frozen.rule(weighed, frozen.policy.model_validate(settings), look)
            made.append([name, kind, look, found.model_dump(mode="json", exclude=left_out)])
    return made


@pytest.mark.parametrize("version", RULES)
def test_a_rule_is_frozen_in_all_of_its_verdicts(version: int) -> None:
    made = decisions(version)
    assert {said["verdict"] for *_, said in made} == set(Verdict)
    assert digest_json(made)[:16] == DIGESTS[version]


WORSE = {metric: -gain for metric, gain in BETTER.items()}


class NextPolicy(Policy):
    """Of a rule to come: it asks what no policy said before."""

    patience: int


def next_rule(*asked: Any) -> Decision:
    return rule(*asked).model_copy(update={"rule": VERSION + 1, "reasons": ("in other words",)})


def test_a_decision_is_made_again_by_the_rule_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also once there is a second rule, with other sentences and another policy."""
    monkeypatch.setitem(RULES, VERSION + 1, Rule(NextPolicy, next_rule))
    weighed = weigh(table(BETTER), Policy())
    policy = NextPolicy(patience=3)
    then, now = rule(weighed, Policy(), 1), next_rule(weighed, policy, 1)
    assert (then.rule, now.rule) == (1, 2)
    assert then.reasons != now.reasons
    assert remake(then, weighed, Policy().canonical()) == then
    assert remake(now, weighed, policy.canonical()) == now


def test_a_decision_does_not_hang_on_the_order_of_metrics_and_settings() -> None:
    """Stored bytes have them sorted; in memory they stand as they were measured and written."""
    worse = weigh(
        table(WORSE),
        Policy(),
        general=table(WORSE),
        reference=table(WORSE),
    )
    policy = Policy(floors={"semantic": 0.9, "rougeL": 0.9})
    made = rule(worse, policy, 1)
    stored = Evidence.model_validate_json(worse.canonical())
    assert remake(made, stored, policy.canonical()) == made


def test_a_rule_of_a_newer_version_is_named() -> None:
    weighed = weigh(table(BETTER), Policy())
    newer = rule(weighed, Policy(), 1).model_copy(update={"rule": max(RULES) + 1})
    with pytest.raises(IncumbentError, match=r"install a newer one"):
        remake(newer, weighed, Policy().canonical())
