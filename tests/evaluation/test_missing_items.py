"""A missing item never helps a challenger: neither by its absence nor by who left it out."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation.decision.metric_evidence import spanned
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.generation.answers import Role
from evaluation.score import inapplicable_of, item_score
from evaluation.scoring.scorers import Scores, Sorted
from incumbent.cli import app
from project.errors import InputError
from project.records.data import Row
from project.records.evidence import Evidence, Verdict
from project.records.scores import Better, ItemScore, ScoreTable

PREFERENCE = Policy(gating=("preference",))
OWN = Policy(gating=("own",), ranges={"own": (0, 1)})


def line(i: int, own: float = 0.1, preference: float | None = None, **about: Any) -> ItemScore:
    wobble = 0.01 * (i % 5 - 2)
    sides = {"champion": {"own": 0.5}, "challenger": {"own": 0.5 + own + wobble}}
    given = {"item": f"i{i}", **sides, "preference": preference, **about}
    return ItemScore.model_validate(given)


def table(*items: ItemScore) -> ScoreTable:
    return ScoreTable(pins=None, items=items)


def unread(i: int, **about: Any) -> ItemScore:
    return line(i, unread=("own",), **about)


def decided(scores: ScoreTable, policy: Policy) -> tuple[Verdict, str]:
    decision = rule(weigh(scores, policy), policy, 1)
    return decision.verdict, decision.reasons[0]


@pytest.mark.attack
def test_losses_that_were_not_judged_do_not_make_a_win() -> None:
    """Of 200 items with a true preference of 0.49 the judge said nothing of 20 that were lost."""
    judged = [line(i, preference=0.5 + 0.5 * (-1) ** i + 0.1 * (i % 2)) for i in range(180)]
    lost = [line(i, preference=None) for i in range(180, 200)]
    verdict, reason = decided(table(*judged, *lost), PREFERENCE)
    assert verdict is Verdict.HOLD
    assert "preference differs by +0.050, with a lower bound of" in reason
    doubts = rule(weigh(table(*judged, *lost), PREFERENCE), PREFERENCE, 1).reasons
    assert "20 of 200 items have no preference, and the policy allows 2%" in doubts


@pytest.mark.attack
@pytest.mark.parametrize("ranges", [None, {"own": (0.0, 1.0)}])
def test_a_scorer_that_does_not_read_what_was_lost_promotes_nobody(
    ranges: dict[str, tuple[float, float]] | None,
) -> None:
    items = [*(line(i) for i in range(50)), *(unread(i, own=-0.45) for i in range(50, 200))]
    policy = Policy(gating=("own",), ranges=ranges)
    decision = rule(weigh(table(*items), policy), policy, 1)
    assert decision.verdict is Verdict.HOLD
    assert "150 of 200 items have no score of own, and the policy allows 2%" in decision.reasons


def test_a_few_missing_items_count_as_the_worst_below_and_as_the_best_above() -> None:
    items = [*(line(i) for i in range(98)), unread(98), unread(99)]
    found = weigh(table(*items), OWN).sealed["own"]
    assert (found.n, found.unjudged, found.missing) == (98, 2, 2)
    assert found.worst and found.best
    assert found.worst.diff == pytest.approx((98 * found.diff - 2) / 100)
    assert found.best.diff == pytest.approx((98 * found.diff + 2) / 100)
    assert found.worst.se > 3 * found.se
    assert decided(table(*items), OWN)[0] is Verdict.PROMOTE  # by 0.1 on all others


def test_a_missing_answer_of_several_counts_by_its_share() -> None:
    drawn = [line(0, own=0.1), line(0, sample=1, unread=("own",))]
    assert spanned(drawn, "own", "more", -1.0) == pytest.approx((0.08 - 1) / 2)


def test_without_a_stated_range_a_metric_with_missing_items_gates_nothing() -> None:
    items = [*(line(i) for i in range(99)), unread(99)]
    verdict, reason = decided(table(*items), Policy(gating=("own",)))
    assert verdict is Verdict.HOLD
    assert reason == (
        "1 of 100 items have no score of own, and how bad they may be is not known: say the least "
        "and the most that it can be by `ranges: {own: [0, 1]}` in the policy, or in its scorer's "
        "class"
    )


def test_what_a_metric_does_not_apply_to_by_the_reference_is_not_missing() -> None:
    items = [*(line(i) for i in range(60)), *(unread(i, inapplicable=("own",)) for i in (60, 61))]
    found = weigh(table(*items), OWN).sealed["own"]
    assert (found.n, found.unjudged, found.missing) == (60, 2, None)
    assert decided(table(*items), OWN)[0] is Verdict.PROMOTE


def test_only_where_both_sides_say_it_does_a_metric_not_apply() -> None:
    """What hangs on the reference alone is true of both; an answer cannot take an item out."""
    both, one = (Scores(values={}, inapplicable={"own": items}) for items in ((0, 1), (1,)))
    assert inapplicable_of(0, both, one) == ()
    assert inapplicable_of(1, both, one) == ("own",)


def test_missing_items_on_dev_do_not_qualify() -> None:
    dev = table(*(line(i) for i in range(50)), *(unread(i) for i in range(50, 60)))
    reasons = unqualified(weigh(None, OWN, dev=dev), OWN)
    assert reasons[0] == (
        "did not qualify: on the dev part 10 of 60 items have no score of own, and the policy "
        "allows 2%"
    )


@pytest.mark.attack
def test_a_table_of_anybody_is_held_to_the_same(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    lines: list[dict[str, Any]] = [
        {"item": f"q{i}", "champion": {}, "challenger": {}, "preference": None if i > 89 else 0.9}
        for i in range(100)
    ]
    lines[0]["preference"] = 0.8
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    asked = CliRunner().invoke(app, ["decide", "--scores", str(file), "--json"])
    told = json.loads(asked.stdout)
    assert told["verdict"] == "HOLD"
    assert "10 of 100 items have no preference, and the policy allows 2%" in told["reasons"]


@pytest.mark.attack
def test_no_item_is_lost_by_leaving_out_its_labels() -> None:
    """Of 200 items to sort the challenger wins 50, and leaves out 60 that it lost."""

    def line(i: int, *, applies: bool = True) -> ItemScore:
        right, wrong = ("ab", "ba")[i % 2]
        sides = (wrong, right) if i < 50 else (right, right)
        sorted_as = dict(zip(("reference", "champion", "challenger"), (right, *sides), strict=True))
        about = {"labels": {"f1": sorted_as}} if i < 140 else {}
        left_out = {} if applies else {"inapplicable": ("f1",)}
        given = {"item": f"i{i}", "champion": {}, "challenger": {}, **about, **left_out}
        return ItemScore.model_validate(given)

    verdict, _ = decided(table(*map(line, range(200))), Policy(gating=("f1",)))
    assert verdict is Verdict.HOLD
    others = [line(i, applies=i < 140) for i in range(200)]
    assert decided(table(*others), Policy(gating=("f1",)))[0] is Verdict.PROMOTE


def test_what_one_side_alone_does_not_sort_is_missing() -> None:
    row = Row.of("q", "a", group="g", source="s")
    right, nothing = (
        Scores(values={}, labels={"f1": (label,)})
        for label in (Sorted(reference="a", answer="a"), None)
    )
    given = {Role.CHAMPION: right, Role.CHALLENGER: nothing}
    assert item_score(row, 0, given).inapplicable is None
    assert item_score(row, 0, dict.fromkeys(given, nothing)).inapplicable == ("f1",)


@pytest.mark.attack
@pytest.mark.parametrize(
    ("better", "floor", "word"),
    [("more", 0.598, "under the least"), ("less", 0.402, "above the most")],
)
def test_no_floor_is_passed_by_leaving_items_out(better: Better, floor: float, word: str) -> None:
    """98 items are within it, by little; two that are missing may be as bad as can be."""
    gain = 0.1 if better == "more" else -0.1
    scores = table(*(line(i, own=gain) for i in range(98)), unread(98), unread(99))
    policy = Policy(
        gating=("own",), floors={"own": floor}, ranges={"own": (0, 1)}, better={"own": better}
    )
    decision = rule(weigh(scores, policy), policy, 1)
    assert decision.verdict is Verdict.HOLD
    assert any(f"{word} that the policy allows" in reason for reason in decision.reasons)
    lower = policy.model_copy(update={"floors": {"own": 0.5}})
    assert rule(weigh(scores, lower), lower, 1).verdict is Verdict.PROMOTE


@pytest.mark.attack
def test_a_score_that_its_range_excludes_is_refused() -> None:
    with pytest.raises(InputError, match=r"item 'i1' has own 1e\+99, and its range is 0 to 1"):
        weigh(table(line(0), line(1, own=1e99)), OWN)


def test_what_stands_in_the_place_of_a_missing_score_may_be_anything() -> None:
    items = [*(line(i) for i in range(98)), unread(98, own=9), unread(99, own=9)]
    assert weigh(table(*items), OWN).sealed["own"].missing == 2


def test_evidence_without_missing_items_keeps_its_bytes() -> None:
    weighed = weigh(table(*(line(i) for i in range(20))), Policy(gating=("own",)))
    assert b"missing" not in weighed.canonical()
    assert b"worst" not in weighed.canonical()
    assert Evidence.model_validate_json(weighed.canonical()) == weighed
