"""A rule gives what it gave, word for word: another word is another version of it."""

import json
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from evaluation.decision.evidence import weigh
from evaluation.decision.past_rules import rule_1
from evaluation.decision.policy import Policy
from evaluation.decision.replay import RULES, remake
from evaluation.decision.rule import VERSION, rule
from project.canonical import digest_json
from project.errors import IncumbentError
from project.records.evidence import Evidence, Verdict
from tests.evaluation.test_decision import BETTER, table

# Evidence as it was stored: better, equal, worse in one metric, by ballots, not qualified, and with
# a source of preference that is poor or good.
EVIDENCE = Path(__file__).with_name("past_evidence.jsonl")
POLICIES: dict[str, dict[str, Any]] = {
    "strict": {},
    "guarded": {"kind": "guarded", "margins": {"rougeL": 0.02}},
    "floored": {"floors": {"rougeL": 0.9}},
    "sliced": {"critical_slices": {"topic=a": 500}},
    "e-value": {"preference_test": "e-value"},
}
# Of all that a rule says on all of it. Another digest means other words, numbers or fields: copy
# the rule as it was into past_rules/, count VERSION on, and add a line.
DIGESTS = {
    1: "72ea5bd72a0b9a7b",
    2: "cc89b01ad832b626",
    3: "880f3397604a8b9f",
    4: "ba4c646c2b491a49",
}


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
        if kind != "sliced" or weighed.slices:
            found = frozen.rule(weighed, frozen.policy.model_validate(settings), look)
            made.append([name, kind, look, found.model_dump(mode="json", exclude=left_out)])
    return made


@pytest.mark.parametrize("version", RULES)
def test_a_rule_is_frozen_in_all_of_its_verdicts(version: int) -> None:
    made = decisions(version)
    assert {said["verdict"] for *_, said in made} == set(Verdict)
    assert digest_json(made)[:16] == DIGESTS[version]


def test_a_decision_is_made_again_by_the_rule_that_it_names() -> None:
    weighed = evidence()["unqualified"]
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
