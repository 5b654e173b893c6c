"""The decision as a table: which evidence earns which verdict, and in which words."""

from typing import Any

import numpy as np
import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import unqualified
from evaluation.decision.rule import decide, rule
from evaluation.decision.score_evidence import weigh
from project.errors import InputError
from project.records.evidence import Verdict
from project.records.preferences import Calibration
from project.records.scores import Better, ItemScore, ScoreTable
from registry.alpha_ledger.spending import alpha_at
from tests.conftest import evidence_of, printed_in_other_processes

Gains = dict[str, float]
EQUAL: Gains = {"rougeL": 0.0, "semantic": 0.0, "preference": 0.0}
BETTER: Gains = {"rougeL": 0.1, "semantic": 0.1, "preference": 0.2}


def item(name: str, gains: Gains, **about: Any) -> ItemScore:
    metrics = {metric: gain for metric, gain in gains.items() if metric != "preference"}
    return ItemScore(
        item=name,
        champion=dict.fromkeys(metrics, 0.4),
        challenger={metric: 0.4 + gain for metric, gain in metrics.items()},
        preference=0.5 + gains["preference"] if "preference" in gains else None,
        **about,
    )


def table(gains: Gains, n: int = 60, noise: float = 0.1, **about: Any) -> ScoreTable:
    """n items whose gains spread evenly about their mean, whatever the seed of anything."""
    spread = (noise * np.linspace(-1, 1, n)).tolist()
    items = [
        item(f"i{i}", {metric: gain + s for metric, gain in gains.items()}, **about)
        for i, s in enumerate(spread)
    ]
    return ScoreTable(pins=evidence_of("1" * 64, None).pins, items=tuple(items))


def joined(*tables: ScoreTable) -> ScoreTable:
    items = [i for t in tables for i in t.items]
    named = [i.model_copy(update={"item": f"{n}"}) for n, i in enumerate(items)]
    return ScoreTable(pins=tables[0].pins, items=tuple(named))


REPLACE = {"kind": "replace", "margins": dict.fromkeys(EQUAL, 0.1)}


@pytest.mark.parametrize(
    ("gains", "policy", "verdict", "reason"),
    [
        (BETTER, {}, Verdict.PROMOTE, "rougeL is better by +0.100, at least"),
        (EQUAL, {}, Verdict.HOLD, "rougeL differs by +0.000, with a lower bound of"),
        (BETTER | {"semantic": 0.0}, {}, Verdict.HOLD, "semantic differs by +0.000"),
        (BETTER | {"semantic": -0.1}, {}, Verdict.REJECT, "semantic is clearly worse: -0.100"),
        (BETTER | {"preference": -0.2}, {}, Verdict.REJECT, "preference is clearly worse"),
        (BETTER, {"margins": {"rougeL": 0.2}}, Verdict.HOLD, "that must exceed +0.200"),
        (
            BETTER,
            {"floors": {"rougeL": 0.6}},
            Verdict.REJECT,
            "rougeL is 0.500, under the least that",
        ),
        (BETTER, {"gating": ["rougeL"]}, Verdict.PROMOTE, "rougeL is better"),
        (BETTER | {"rougeL": 0.0}, {"gating": ["semantic"]}, Verdict.PROMOTE, "semantic is better"),
        (
            BETTER | {"rougeL": -0.01},
            {"kind": "guarded", "margins": {"rougeL": 0.05}},
            Verdict.PROMOTE,
            "rougeL differs by -0.010, at least",
        ),
        (
            BETTER | {"rougeL": -0.04},
            {"kind": "guarded", "margins": {"rougeL": 0.05}},
            Verdict.HOLD,
            "that must exceed -0.050",
        ),
        (
            BETTER | {"rougeL": -0.1},
            {"kind": "guarded", "margins": {"rougeL": 0.05}},
            Verdict.REJECT,
            "rougeL is clearly worse",
        ),
        (
            EQUAL | {"rougeL": 0.1},
            {"kind": "guarded", "margins": {"rougeL": 0.05, "semantic": 0.05}},
            Verdict.HOLD,
            "preference differs by +0.000",
        ),
        (
            BETTER | {"rougeL": -0.01, "preference": -0.01},
            REPLACE,
            Verdict.PROMOTE,
            "rougeL differs by -0.010, at least",
        ),
        (EQUAL | {"preference": -0.09}, REPLACE, Verdict.HOLD, "that must exceed -0.100"),
        (BETTER | {"preference": -0.3}, REPLACE, Verdict.REJECT, "preference is clearly worse"),
    ],
)
def test_verdicts(gains: Gains, policy: dict[str, Any], verdict: Verdict, reason: str) -> None:
    decision = decide(table(gains), Policy.model_validate(policy))
    assert decision.verdict is verdict
    assert reason in decision.reasons[0]


def test_a_later_look_needs_more() -> None:
    gains = dict.fromkeys(EQUAL, 0.02)
    early, late = (decide(table(gains), Policy(), look) for look in (1, 20))
    assert (early.verdict, late.verdict) == (Verdict.PROMOTE, Verdict.HOLD)
    assert late.alpha == alpha_at(0.05, 20)


def test_a_budget_that_was_earned_allows_more_but_never_more_than_alpha() -> None:
    evidence = weigh(table(BETTER), Policy())
    levels = [rule(evidence, Policy(), 1, budget).alpha for budget in (None, 0.06, 0.5)]
    assert levels == [alpha_at(0.05, 1), alpha_at(0.06, 1), 0.05]


def test_whoever_wins_at_a_late_look_is_promoted_and_hears_of_no_wear() -> None:
    decision = decide(table(BETTER, n=200), Policy(), opening=60)
    assert decision.verdict is Verdict.PROMOTE
    assert not [reason for reason in decision.reasons if "worn out" in reason]


@pytest.mark.parametrize(
    ("look", "level", "needed"),
    [(9, "0.00038", 787), (60, "8.4e-06", 1114), (300, "3.4e-07", 1384)],
)
def test_a_hold_late_in_the_count_says_what_a_fresh_eval_set_would_bring(
    look: int, level: str, needed: int
) -> None:
    decision = decide(table(EQUAL | {"preference": 0.2}, noise=0.115), Policy(), look)
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0].startswith("rougeL differs by +0.000")  # the doubts come first
    assert decision.reasons[-1] == (
        f"the sealed eval set is worn out by looks: this one is judged at alpha {level}, a first "
        "look at a fresh eval set at 0.0304, where about 133 items find a difference of 0.02"
    )
    assert decision.needed == needed


def test_no_fresh_eval_set_is_advised_early_to_the_rejected_or_where_it_asks_for_no_less() -> None:
    held, rejected = table(EQUAL), table(EQUAL | {"rougeL": -0.1}, n=200)
    eager = Policy(alpha_floor=0.04)  # above the level of any first look
    for scores, policy, look in (
        (held, Policy(), 5),
        (rejected, Policy(), 60),
        (held, eager, 1),
    ):
        decision = decide(scores, policy, look)
        assert decision.verdict is not Verdict.PROMOTE
        assert "worn out" not in decision.reasons[-1]


def test_a_fresh_eval_set_gets_no_size_where_none_is_known_to_do() -> None:
    policy = Policy(margins={"rougeL": 0.02}, effect=0.02)
    advice = decide(table(EQUAL), policy, 60).reasons[-1]
    assert advice.endswith("a first look at a fresh eval set at 0.0304")


def test_a_hold_says_how_many_items_would_settle_it() -> None:
    decision = decide(table(EQUAL), Policy(effect=0.01))
    assert decision.needed is not None
    assert decision.needed > 0
    assert decide(table(BETTER), Policy()).needed is None


def test_a_slice_that_clearly_lost_is_a_veto() -> None:
    scores = joined(
        table(BETTER, n=160, slices=("topic=cards",)),
        table(EQUAL | {"rougeL": -0.2}, n=40, slices=("topic=loans",)),
    )
    decision = decide(scores, Policy())
    assert decision.verdict is Verdict.REJECT
    assert decision.reasons[0].startswith("slice topic=loans is clearly worse in rougeL: -0.200")


@pytest.mark.parametrize(
    ("n", "gain", "reason"),
    [
        (10, 0.1, "critical slice topic=loans has 10 items for rougeL, and needs 30"),
        (40, -0.02, "critical slice topic=loans may have lost more than 0.05 in rougeL"),
    ],
)
def test_a_critical_slice_needs_items_and_must_not_lose(n: int, gain: float, reason: str) -> None:
    scores = joined(
        table(BETTER, n=160, slices=("topic=cards",)),
        table(BETTER | {"rougeL": gain}, n=n, noise=0.2, slices=("topic=loans",)),
    )
    decision = decide(scores, Policy(critical_slices={"topic=loans": 30}))
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0].startswith(reason)


def test_a_critical_slice_may_lose_a_margin_and_no_more() -> None:
    def verdict(loss: float) -> Verdict:
        scores = joined(
            table(BETTER, n=160, slices=("topic=cards",)),
            table(BETTER | {"rougeL": -loss}, n=100, noise=0.02, slices=("topic=loans",)),
        )
        policy = Policy(critical_slices={"topic=loans": 30}, gating=("semantic", "rougeL"))
        return decide(scores, policy).verdict

    assert verdict(0.01) is Verdict.PROMOTE
    assert verdict(0.1) is Verdict.REJECT


def test_a_slice_of_two_equal_losses_is_no_veto() -> None:
    scores = joined(
        table(BETTER, n=120), table(BETTER | {"rougeL": -0.25}, n=2, noise=0.0, slices=("s=tiny",))
    )
    assert decide(scores, Policy()).verdict is Verdict.PROMOTE


def test_equal_gains_on_two_items_are_no_measurement() -> None:
    decision = decide(table(BETTER, n=2, noise=0.0), Policy())
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0] == (
        "rougeL differs by +0.100, but 2 independent groups of items are too few: 7 are needed"
    )


RIGHT: Gains = {"rougeL": 0.6, "semantic": 0.6, "preference": 0.5}  # where nothing was right before


@pytest.mark.parametrize(
    ("gains", "n", "verdict"),
    [
        (RIGHT, 30, Verdict.PROMOTE),
        (RIGHT, 8, Verdict.HOLD),
        (BETTER, 30, Verdict.HOLD),  # on the range of the metric, 30 could be luck
        (BETTER, 100, Verdict.PROMOTE),
    ],
)
def test_equal_gains_are_judged_by_the_bound_that_needs_no_error(
    gains: Gains, n: int, verdict: Verdict
) -> None:
    scores = table(gains, n=n, noise=0.0)
    assert decide(scores, Policy()).verdict is verdict


def test_equal_gains_on_dev_qualify_where_they_could_not_be_luck() -> None:
    right, better = (table(gains, n=17, noise=0.0) for gains in (RIGHT, BETTER))
    assert unqualified(weigh(right, Policy(), dev=right), Policy()) == []
    doubts = unqualified(weigh(better, Policy(), dev=better), Policy())
    assert doubts[0].startswith("did not qualify: rougeL differs by +0.100 on the dev part")


def test_a_gating_metric_that_dev_lacks_does_not_qualify() -> None:
    evidence = weigh(table(BETTER), Policy(), dev=table(BETTER))
    evidence = evidence.model_copy(update={"dev": {"rougeL": evidence.dev["rougeL"]}})
    assert unqualified(evidence, Policy())[0] == (
        "did not qualify: semantic was not measured on the dev part"
    )


def test_clusters_widen_the_interval() -> None:
    scores = table(BETTER, noise=0.25)
    clustered = ScoreTable(
        pins=scores.pins,
        items=tuple(
            i.model_copy(update={"cluster": f"c{n // 10}"}) for n, i in enumerate(scores.items)
        ),
    )
    narrow, wide = (decide(s, Policy()).bounds["rougeL"] for s in (scores, clustered))
    assert wide.lower < narrow.lower


def test_a_challenger_must_qualify_on_dev_before_the_exam_is_opened() -> None:
    evidence = weigh(table(BETTER), Policy(), dev=table(BETTER | {"semantic": -0.01}))
    assert unqualified(evidence, Policy())[0].startswith("did not qualify: semantic differs by")
    decision = rule(evidence, Policy(), look=None)
    assert (decision.verdict, decision.opening, decision.bounds) == (Verdict.HOLD, None, {})


@pytest.mark.parametrize(
    ("scores", "policy", "complaint"),
    [
        (ScoreTable(pins=None, items=()), Policy(), "the score table is empty"),
        (
            table({"semantic": 0.1, "preference": 0.1}),
            Policy(),
            "item 'i0' lacks the gating metric 'rougeL'",
        ),
        (table({"rougeL": 0.1, "semantic": 0.1}), Policy(), "no item was judged"),
        (
            table(BETTER),
            Policy(critical_slices={"topic=loans": 5}),
            "critical slice 'topic=loans' has no item",
        ),
        (table(BETTER), Policy(floors={"bleu": 0.1}), "names 'bleu', which was not scored"),
        (
            ScoreTable(pins=evidence_of("1" * 64, "1" * 64).pins, items=table(BETTER).items),
            Policy(),
            "are one adapter",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    scores: ScoreTable, policy: Policy, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        decide(scores, policy)


def test_equal_scores_give_equal_bytes_in_another_process_with_another_hash_seed() -> None:
    code = (
        "from evaluation import decide; from evaluation.decision.policy import Policy;"
        "from tests.evaluation.test_decision import BETTER, table;"
        "print(decide(table(BETTER, slices=('a=1', 'b=2')), Policy()).canonical().decode())"
    )
    here = decide(table(BETTER, slices=("a=1", "b=2")), Policy()).canonical().decode()
    assert printed_in_other_processes(code) == {here + "\n"}


# --- what must not have got worse ----------------------------------------------------------------


def suite(after: list[float]) -> ScoreTable:
    """A general-ability suite that the champion passes."""
    items = [
        ItemScore(item=f"g{i}", champion={"correct": 1.0}, challenger={"correct": score})
        for i, score in enumerate(after)
    ]
    return ScoreTable(pins=None, items=tuple(items))


def general(loss: float, n: int = 200) -> ScoreTable:
    """A suite of right and wrong answers, of which the challenger has lost a share."""
    lost = round(loss * n)
    return suite([0.0] * lost + [1.0] * (n - lost))


@pytest.mark.parametrize(
    ("scores", "verdict", "reason"),
    [
        (general(0.0), Verdict.PROMOTE, "rougeL is better"),
        (general(0.05), Verdict.PROMOTE, "rougeL is better"),
        (general(0.09), Verdict.HOLD, "may have lost more than 0.1 in correct: -0.090"),
        (general(0.25), Verdict.REJECT, "is clearly worse in correct: -0.250 on 200 items"),
        # Where all items differ alike, or one is all there is, nothing tells the error.
        (suite([0.0] * 30), Verdict.REJECT, "is clearly worse in correct: -1.000"),
        (suite([0.95] * 30), Verdict.HOLD, "may have lost more than 0.1 in correct"),
        (suite([1.0]), Verdict.HOLD, "could not be measured"),
    ],
)
def test_a_promotion_may_not_trade_away_general_ability(
    scores: ScoreTable, verdict: Verdict, reason: str
) -> None:
    decision = decide(table(BETTER), Policy(), general=scores)
    assert decision.verdict is verdict
    subject = "" if verdict is Verdict.PROMOTE else "general ability "
    assert decision.reasons[0].startswith(subject + reason)


@pytest.mark.parametrize("loss", [0.09, 0.25])
def test_no_look_is_spent_on_lost_general_ability(loss: float) -> None:
    found = weigh(None, Policy(), dev=table(BETTER), general=general(loss))
    (reason,) = unqualified(found, Policy())
    assert reason.startswith("did not qualify: general ability may have lost more than 0.1 in")
    kept = weigh(None, Policy(), dev=table(BETTER), general=general(0.05))
    assert unqualified(kept, Policy()) == []


def since(scores: ScoreTable, gains: Gains) -> ScoreTable:
    """The same challenger on the same items, better than the regression baseline by the gains."""
    spread = (0.1 * np.linspace(-1, 1, len(scores.items))).tolist()
    items = tuple(
        item.model_copy(
            update={
                "champion": {m: v - gains[m] - s for m, v in item.challenger.items()},
                "preference": None,
            }
        )
        for item, s in zip(scores.items, spread, strict=True)
    )
    return ScoreTable(pins=None, items=items)


def without(scores: ScoreTable, *metrics: str) -> ScoreTable:
    """The same table without some metrics."""
    items = tuple(
        item.model_copy(
            update={
                side: {m: v for m, v in getattr(item, side).items() if m not in metrics}
                for side in SIDES
            }
        )
        for item in scores.items
    )
    return scores.model_copy(update={"items": items})


def test_a_regression_baseline_that_cannot_be_measured_holds() -> None:
    scores = table(BETTER)
    unlike = "quality since the regression baseline could not be measured"
    reference = since(scores, BETTER)
    assert decide(scores, Policy(), reference=reference).verdict is Verdict.PROMOTE
    for given, reason in (
        (without(reference, "rougeL", "semantic"), f"{unlike}: fewer than two clusters"),
        (without(reference, "semantic"), f"{unlike} in semantic: it was not scored against it"),
    ):
        decision = decide(scores, Policy(), reference=given)
        assert decision.verdict is Verdict.HOLD
        assert decision.reasons[0].startswith(reason)
    by_preference = Policy(gating=["preference"])
    decision = decide(scores, by_preference, reference=reference)
    assert decision.reasons == (f"{unlike}: no gating metric was scored against it",)


def test_a_regression_baseline_on_one_cluster_holds_like_all_that_is_of_one() -> None:
    items = (item.model_copy(update={"cluster": "all"}) for item in table(BETTER).items)
    scores = ScoreTable(pins=None, items=tuple(items))
    evidence = weigh(scores, Policy(), reference=since(scores, BETTER))
    assert (evidence.reference, evidence.reference_given) == ({}, True)
    measured = evidence.model_copy(update={"sealed": weigh(table(BETTER), Policy()).sealed})
    decision = rule(measured, Policy(), 1)
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons == (
        "quality since the regression baseline could not be measured: fewer than two clusters, or "
        "no metric",
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"item": "other"}, "the table against the regression baseline lacks item 'i7'"),
        ({"item": "a"}, "the score table lacks item 'a'"),
        ({"cluster": "c"}, "item 'i7' is in another cluster"),
        (
            {"challenger": {"rougeL": 0.9}, "champion": {"rougeL": 0.0}},
            "the challenger has rougeL 0.42.* on item 'i7', and 0.9 in the table against",
        ),
    ],
)
def test_a_table_against_the_baseline_is_of_the_same_items_and_challenger(
    change: dict[str, Any], complaint: str
) -> None:
    scores = table(BETTER)
    items = list(since(scores, BETTER).items)
    items[7] = items[7].model_copy(update=change)
    with pytest.raises(InputError, match=complaint):
        decide(scores, Policy(), reference=ScoreTable(pins=None, items=tuple(items)))


def test_small_permitted_losses_do_not_add_up() -> None:
    policy = Policy(kind="guarded", margins={"rougeL": 0.05, "semantic": 0.05})
    tonight = EQUAL | {"rougeL": -0.02, "preference": 0.2}
    since_baseline = EQUAL | {"rougeL": -0.08}
    assert decide(table(tonight), policy).verdict is Verdict.PROMOTE
    decision = decide(table(tonight), policy, reference=since(table(tonight), since_baseline))
    assert decision.verdict is Verdict.REJECT
    assert decision.reasons[0] == (
        "quality since the regression baseline is clearly worse in rougeL: -0.080 on 60 items"
    )


# --- the preference and its source ---------------------------------------------------------------


def calibration(**about: Any) -> Calibration:
    good = {
        "source": "reward model",
        "n": 200,
        "unjudged": 0,
        "accuracy": 0.9,
        "kappa": 0.8,
        "first_rate": None,
        "longer_accuracy": 0.6,
        "shorter_accuracy": 0.4,
        "matched_n": 80,
        "matched_accuracy": 0.85,
        "matched_longer": 0.5,
        "matched_shorter": 0.5,
    }
    return Calibration.model_validate(good | about)


def test_a_source_that_judges_by_length_cannot_carry_a_promotion() -> None:
    poor = calibration(accuracy=0.6, longer_accuracy=0.7)
    evidence = weigh(table(BETTER), Policy(), dev=table(BETTER), calibration=poor)
    decision = rule(evidence, Policy(), look=1)
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0].startswith("the preference is advisory only: ")
    assert "advisory only" in unqualified(evidence, Policy())[0]  # so no look is spent on it
    without = Policy(gating=("rougeL", "semantic"))
    assert rule(evidence, without, look=1).verdict is Verdict.PROMOTE


def test_a_good_source_can() -> None:
    evidence = weigh(table(BETTER), Policy(), dev=table(BETTER), calibration=calibration())
    assert unqualified(evidence, Policy()) == []
    assert rule(evidence, Policy(), look=1).verdict is Verdict.PROMOTE


def test_too_many_unjudged_items_hold() -> None:
    scores = joined(table(BETTER), table({"rougeL": 0.1, "semantic": 0.1}, n=10))
    decision = decide(scores, Policy())
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0] == "10 of 70 items have no preference, and the policy allows 2%"
    preference = weigh(scores, Policy()).sealed["preference"]
    assert (preference.n, preference.unjudged) == (60, 10)


def ballots(wins: int, losses: int, ties: int = 5) -> ScoreTable:
    choices = [1.0] * wins + [0.0] * losses + [0.5] * ties
    items = table(BETTER, n=len(choices)).items
    pairs = zip(items, choices, strict=True)
    voted = tuple(item.model_copy(update={"preference": choice}) for item, choice in pairs)
    return ScoreTable(pins=None, items=voted)


def test_ballots_are_judged_by_an_e_value_that_may_be_looked_at_any_time() -> None:
    policy = Policy(preference_test="e-value")
    assert decide(ballots(8, 0), policy).verdict is Verdict.PROMOTE  # E = 56.9
    decision = decide(ballots(7, 0), policy)  # E = 31.9, under 1/0.0304
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0] == (
        "preference: 7 wins and 0 losses give an e-value of 31.9, and 32.9 is needed"
    )


def clustered(preferences: dict[str, list[float | None]]) -> ScoreTable:
    """Items by cluster, each with a preference; better in all other metrics, and many alone."""
    judged = [(name, p) for name, several in preferences.items() for p in several]
    items = list(table(BETTER, n=len(judged)).items)
    for i, (cluster, preference) in enumerate(judged):
        items[i] = items[i].model_copy(update={"cluster": cluster, "preference": preference})
    return ScoreTable(pins=None, items=tuple(items))


def test_an_e_value_counts_a_cluster_once_by_most_of_its_items() -> None:
    policy = Policy(preference_test="e-value", unjudged_cap=1)
    alone: dict[str, list[float | None]] = {f"a{i}": [1.0] for i in range(6)}
    parts: dict[str, list[float | None]] = {
        "won": [1.0, 1.0, 0.0],
        "lost": [0.0, 0.0, 0.5],
        "tied": [1.0, 0.0],
        "open": [1.0, 1.0, None],
    }
    found = weigh(clustered(alone | parts), policy).sealed["preference"]
    assert (found.wins, found.losses) == (11, 4)  # items, as people read them
    assert found.independent == (7, 1)
    assert decide(clustered(alone | parts), policy).reasons[0] == (
        "preference: 7 wins and 1 losses of whole clusters give an e-value of 6.97, and 32.9 is "
        "needed"
    )


def test_one_document_of_many_items_wins_no_e_value() -> None:
    policy = Policy(preference_test="e-value", gating=["preference"])
    one_voice: dict[str, list[float | None]] = {"big": [1.0] * 30, "a": [1.0], "b": [1.0]}
    many = {f"a{i}": votes for i, votes in enumerate([[1.0]] * 8)}
    assert decide(clustered(one_voice), policy).verdict is Verdict.HOLD
    decision = decide(clustered({**many}), policy)
    assert decision.reasons == (
        "preference is better by +0.500, 8 wins and 0 losses give an e-value of 56.8",
    )


def test_evidence_without_clusters_or_a_regression_baseline_keeps_its_bytes() -> None:
    assert b"reference_given" not in weigh(table(BETTER), Policy()).canonical()
    assert (
        b"clusters_won" not in weigh(ballots(8, 0), Policy(preference_test="e-value")).canonical()
    )
    assert (
        b"clusters_won" not in weigh(clustered({"a": [1.0] * 9, "b": [0.0]}), Policy()).canonical()
    )


def test_an_e_value_of_ballots_asks_that_items_close() -> None:
    policy = Policy(preference_test="e-value")
    people = calibration(source="ballots", longer_accuracy=None)
    evidence = weigh(ballots(8, 0), policy, calibration=people)
    closing = evidence.model_copy(update={"calibration": people.model_copy(update={"votes": 3})})
    assert rule(evidence, policy, 1).verdict is Verdict.HOLD
    assert "set `votes` in evaluation.preference" in unqualified(evidence, policy)[0]
    assert rule(closing, policy, 1).verdict is Verdict.PROMOTE
    assert b"votes" not in people.canonical()


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ({"kind": "guarded", "gating": ["rougeL"]}, "needs 'preference'"),
        ({"kind": "replace", "margins": {"rougeL": 0.1}}, "needs a margin for 'semantic'"),
        (REPLACE | {"preference_test": "e-value"}, "'replace' needs preference_test 't'"),
        ({"margins": {"bleu": 0.1}}, "'bleu', which is no gating metric"),
        (
            {"preference_test": "e-value", "margins": {"preference": 0.1}},
            "an e-value knows no margin",
        ),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(
    policy: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Policy.model_validate(policy)


def renamed(metric: str, scores: ScoreTable, **better: Better) -> ScoreTable:
    """The same table with rougeL under another name."""
    items = tuple(
        item.model_copy(
            update={side: {metric: getattr(item, side)["rougeL"]} for side in SIDES},
        )
        for item in scores.items
    )
    return ScoreTable(pins=None, items=items, better=better or None)


SIDES = ("champion", "challenger")


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.05, Verdict.REJECT), (-0.05, Verdict.PROMOTE), (0.0, Verdict.HOLD)]
)
def test_less_of_what_a_scorer_says_less_is_better_of_wins(shift: float, verdict: Verdict) -> None:
    scores = renamed("toxicity", table(BETTER | {"rougeL": shift}), toxicity="less")
    evidence = weigh(scores, Policy(gating=["toxicity"]))
    assert evidence.sealed["toxicity"].diff == pytest.approx(-shift)
    assert evidence.sealed["toxicity"].better == "less"
    assert decide(scores, Policy(gating=["toxicity"])).verdict is verdict


def test_of_a_table_from_elsewhere_the_policy_says_which_way_is_better() -> None:
    scores = renamed("toxicity", table(BETTER | {"rougeL": -0.05}))
    assert decide(scores, Policy(gating=["toxicity"])).verdict is Verdict.REJECT
    policy = Policy(gating=["toxicity"], better={"toxicity": "less"})
    assert decide(scores, policy).verdict is Verdict.PROMOTE
    scores = renamed("perplexity", table(BETTER | {"rougeL": -0.05}))  # a name of ours
    assert decide(scores, Policy(gating=["perplexity"])).verdict is Verdict.PROMOTE


def test_the_least_that_a_policy_allows_is_the_most_where_less_is_better() -> None:
    scores = renamed("toxicity", table(BETTER | {"rougeL": -0.05}), toxicity="less")
    policy = Policy(gating=["toxicity"], floors={"toxicity": 0.3})
    assert (
        decide(scores, policy).reasons[0].endswith("above the most that the policy allows, 0.300")
    )


@pytest.mark.parametrize(
    ("metric", "better", "complaint"),
    [
        ("words", {}, "neither more nor less 'words' is better"),
        (
            "politeness",
            {"other": "more"},
            "nobody says whether more or less 'politeness' is better",
        ),
    ],
)
def test_what_has_no_better_cannot_gate(
    metric: str, better: dict[str, Better], complaint: str
) -> None:
    scores = renamed(metric, table(BETTER), **better)
    with pytest.raises(InputError, match=complaint):
        decide(scores, Policy(gating=[metric]))


@pytest.mark.parametrize(
    ("said", "better", "complaint"),
    [
        ({}, {"toxicty": "less"}, "names 'toxicty', which was not scored"),
        ({"toxicity": "more"}, {"toxicity": "less"}, "its scorer says more"),
    ],
)
def test_a_policy_that_says_which_way_is_better_must_fit_the_table(
    said: dict[str, Better], better: dict[str, Better], complaint: str
) -> None:
    scores = renamed("toxicity", table(BETTER), **said)
    with pytest.raises(InputError, match=complaint):
        decide(scores, Policy(gating=["toxicity"], better=better))


def test_of_a_metric_that_nobody_speaks_of_neither_way_is_better() -> None:
    scores = table(BETTER).model_copy(update={"better": {"rougeL": "more"}})
    evidence = weigh(scores, Policy(gating=["rougeL"]))
    assert (evidence.sealed["rougeL"].better, evidence.sealed["semantic"].better) == (
        None,
        "neither",
    )


@pytest.mark.parametrize("gain", [0.2, -0.2])
def test_where_one_cluster_has_most_items_nothing_is_decided_by_it(gain: float) -> None:
    """A document of many items is one voice, whichever way it speaks."""
    scores = table(dict.fromkeys(BETTER, gain), n=195)
    owners = ["big"] * 100 + [f"c{i // 5}" for i in range(95)]
    items = tuple(
        item.model_copy(update={"cluster": owner})
        for item, owner in zip(scores.items, owners, strict=True)
    )
    decision = decide(ScoreTable(pins=None, items=items), Policy())
    assert decision.verdict is Verdict.HOLD
    assert decision.needed is None
    assert "they count as 4.5 clusters, and 7 are needed" in decision.reasons[0]
