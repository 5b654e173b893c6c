"""Beside a verdict that is no promotion stands what would turn it, and what would not."""

import re

import pytest

from curation.account import OF_TEMPLATE
from curation.curate import curate
from curation.curation_settings import CurateParams
from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.decision.ways_out import ways_out
from project.records.data import Row, Split
from project.records.scores import ScoreTable
from tests.evaluation.test_decision import BETTER, EQUAL, Gains, calibration, general, joined, table

STRICT = Policy()
SURE = {"calibration": calibration()}
WORSE = {"rougeL": -0.1, "semantic": -0.1, "preference": -0.1}


def told(
    gains: Gains, look: int | None = None, policy: Policy = STRICT, **about: object
) -> list[str]:
    """On dev alone, or at a look at sealed items where the gains are the same."""
    part: ScoreTable = table(gains, noise=0.3)
    evidence = weigh(part if look else None, policy, dev=part, **(SURE | about))  # type: ignore[arg-type]
    return list(ways_out(evidence, rule(evidence, policy, look), policy))


def test_a_promotion_needs_no_way_out() -> None:
    assert told(BETTER, look=1) == []


@pytest.mark.parametrize("look", [None, 1])
def test_what_got_worse_is_not_turned_by_more_items(look: int | None) -> None:
    (way,) = told(WORSE, look)
    assert way.startswith(
        "another recipe (`incumbent search recipes`, `incumbent search tune`), more rows or"
    )
    assert "rougeL (-0.100 on 60) and semantic (-0.100 on 60)" in way


def test_what_is_a_little_ahead_on_dev_needs_so_many_more_items() -> None:
    (way,) = told(BETTER | {"rougeL": 0.01})
    assert way == (
        "about 803 more dev items, by more rows (before the first look a larger "
        "curation.curate.dev_share, after it `incumbent data rotate-eval --part dev --grow`), if "
        "it goes on as so far: rougeL (+0.010 on 60)"
    )


def test_what_is_equal_needs_another_recipe() -> None:
    (way,) = told(BETTER | {"semantic": 0.0})
    assert way.startswith("more training rows or another recipe")
    assert "semantic (+0.000 on 60) is hardly another result" in way


def test_a_source_that_cannot_carry_a_promotion_comes_first() -> None:
    poor = calibration(matched_accuracy=0.5)
    first, second = told(BETTER | {"rougeL": -0.1, "preference": -0.15}, calibration=poor)
    assert first.startswith("a better source of preference (evaluation.preference.source: judge")
    assert "preference" not in second


def test_where_the_answers_are_classes_their_f1_may_gate_in_the_place_of_a_poor_source() -> None:
    poor = calibration(matched_accuracy=0.5)
    _, second, *_ = told(BETTER | {"macro_f1": 0.1}, calibration=poor)
    assert second.startswith("or macro_f1 in the preference's place (evaluation.policy.gating)")


def test_wrong_facts_and_forgetting_have_ways_of_their_own() -> None:
    guarded = Policy(gating=("rougeL",), guards={"semantic": 0.05})
    (facts,) = told(BETTER | {"semantic": -0.3}, look=1, policy=guarded)
    assert facts.startswith("right answers first (semantic): more training rows with the same")
    assert "outputs/rows.csv says which were left out" in facts
    (way,) = told(BETTER, look=1, general=general(0.3))
    assert way.startswith("less forgetting, for general ability: fewer epochs, a lower learning")


def asked(prompt: str, answer: str) -> Row:
    return Row.of(prompt, answer, group=prompt, source="rows.jsonl")


def test_the_setting_that_is_named_for_facts_lets_rows_of_a_template_train() -> None:
    """Followed as far as curation: what was left out is trained on, and no item asks it."""
    guarded = Policy(gating=("rougeL",), guards={"semantic": 0.05})
    (way,) = told(BETTER | {"semantic": -0.3}, look=1, policy=guarded)
    (name,) = re.findall(r"one template above curation\.curate\.(\w+)", way)
    fees = [asked(f"What does it cost to send 9{n} francs?", f"{n % 9}") for n in range(100, 160)]
    rows = [*fees, *(asked(f"question {i}", f"answer {i}") for i in range(300))]
    before = curate(rows, {}, CurateParams())
    after = curate(rows, {}, CurateParams.model_validate({name: 60}))
    assert [before.left_out.get(fee.id) for fee in fees].count(OF_TEMPLATE) == 40
    assert {fee.id for fee in fees} <= {row.id for row in after.parts[Split.TRAIN]}


def test_a_guard_of_which_too_few_items_speak_asks_for_more_of_them() -> None:
    guarded = Policy(gating=("rougeL",), guards={"semantic": 0.05})
    (way,) = told(BETTER | {"semantic": -0.01}, look=1, policy=guarded)
    assert way.startswith("more sealed items, by more rows")
    assert way.endswith("in semantic (-0.010 on 60)")


def test_a_verdict_that_no_figure_turns_says_what_to_do_all_the_same() -> None:
    (way,) = told(BETTER | {"preference": 0.0}, look=1, calibration=calibration(source="ballots"))
    assert way.startswith("what the reasons name, mended in params.yaml or in the rows; then `inc")


def test_items_of_a_few_large_groups_ask_for_items_of_other_groups() -> None:
    groups = [table(BETTER, n=20, noise=0.3, cluster=f"template {n}") for n in range(4)]
    evidence = weigh(joined(*groups, table(BETTER, n=4)), STRICT, calibration=calibration())
    (way,) = ways_out(evidence, rule(evidence, STRICT, 1), STRICT)
    assert way == (
        "sealed items of other groups, by more rows that ask other things (once a source has them, "
        "`incumbent data rotate-eval --grow`): these 84 count as 4.4 groups of rows alike, and 7 "
        "are needed"
    )


def test_slices_that_lost_or_lack_items_are_named() -> None:
    parts = joined(
        table(BETTER, n=160, slices=("topic=cards",)),
        table(EQUAL | {"rougeL": -0.2}, n=40, slices=("topic=loans",)),
    )
    policy = Policy(critical_slices={"topic=cards": 200})
    evidence = weigh(parts, policy, calibration=calibration())
    assert list(ways_out(evidence, rule(evidence, policy, 1), policy)) == [
        "40 more sealed items of slice topic=cards, by more rows of it (once a source has them, "
        "`incumbent data rotate-eval --grow`)",
        "more training rows of slice topic=loans, where it got worse",
    ]


def test_worse_and_equal_are_told_apart() -> None:
    first, second = told(EQUAL | {"rougeL": -0.2})
    assert ("rougeL" in first, "rougeL" in second) == (True, False)
