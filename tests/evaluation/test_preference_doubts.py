"""A HOLD for want of a preference says what would help."""

from typing import Any

import numpy as np
import pytest

from evaluation.decision.metric_evidence import HALVES
from evaluation.decision.policy import Policy
from evaluation.decision.preference_doubts import (
    doubts_on_preference,
    further_votes,
    pairs_needed,
    vote_wins,
)
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.decision.statistics import Array, bounds, e_value, paired
from evaluation.decision.ways_out import Prospect, more_items
from project.records.evidence import Evidence, MetricEvidence, Verdict
from project.records.preferences import Calibration, Hits, wilson_lower
from project.records.scores import ItemScore, ScoreTable
from registry.alpha_ledger.spending import alpha_at
from tests.evaluation.test_calibration import GOOD
from tests.evaluation.test_decision import EQUAL, table

BY_VOTES = Policy(gating=("preference",), preference_test="e-value")


def evidence_with(**calibration: Any) -> Evidence:
    return Evidence(
        pins=None,
        policy="f" * 64,
        dev={},
        sealed={},
        slices={},
        calibration=Calibration(**GOOD | {"source": "reward model"} | calibration),
    )


def doubt(policy: Policy = BY_VOTES, **calibration: Any) -> str:
    return " ".join(doubts_on_preference(evidence_with(**calibration), policy))


def test_a_trusted_source_needs_no_help() -> None:
    assert doubt() == ""
    assert doubt(Policy(gating=("rougeL",)), accuracy=0.5) == ""


def test_too_few_pairs_say_how_many_are_needed() -> None:
    said = doubt(matched_n=10)
    needed = pairs_needed(0.7)
    assert needed and wilson_lower(0.7, needed) > 0.5 >= wilson_lower(0.7, needed - 1)
    assert f"{needed} held-out pairs of like length at this accuracy, where there are 10" in said


def test_a_source_that_length_beats_is_not_helped_by_more_pairs() -> None:
    said = doubt(accuracy=0.6)
    assert "held-out pairs of like length at" not in said
    assert "evaluation.preference.source: judge" in said


@pytest.mark.parametrize("test", ["t", "e-value"])
def test_the_votes_that_it_names_are_enough_and_fewer_are_not(test: Any) -> None:
    policy = BY_VOTES.model_copy(update={"preference_test": test})
    said = doubt(policy, accuracy=0.6)
    votes = int(said.split("about ")[1].split(" decided")[0])
    level = 6 * 0.05 / 3.141592653589793**2
    assert vote_wins(round(0.7 * votes), votes, policy, level)
    assert not vote_wins(round(0.7 * (votes - 10)), votes - 10, policy, level)


PEOPLE = {"source": "ballots", "longer_accuracy": None}


@pytest.mark.parametrize(
    ("calibration", "help_needed"),
    [
        ({"n": 0, "unjudged": 0, "accuracy": None}, "the votes of two people on the same items"),
        ({"n": 0, "unjudged": 9, "accuracy": None}, "a second person's votes on the same items"),
        ({"n": 2, "accuracy": 1.0}, "3 votes on items that others voted on too, at this agreement"),
        ({"n": 9, "accuracy": 0.5}, "reviewers who agree on what a good answer is"),
    ],
)
def test_ballots_ask_for_what_shows_that_reviewers_agree(
    calibration: dict[str, Any], help_needed: str
) -> None:
    sentences = [doubt(**PEOPLE, **calibration, votes=votes) for votes in (2, 1)]
    assert all(help_needed in sentence for sentence in sentences)
    where = "once 2 votes an item are asked for on the version's page"
    lacks_a_second = "items" in help_needed and calibration["n"] + calibration.get("unjudged", 1)
    assert [where in sentence for sentence in sentences] == [False, bool(lacks_a_second)]


def test_a_preference_that_waits_for_votes_says_so() -> None:
    for calibration, reason in (
        ({"n": 0, "unjudged": 0}, "preference is not known yet: nobody has voted"),
        ({"n": 0, "unjudged": 2}, "fewer than two clusters of items have all their votes"),
    ):
        weighed = evidence_with(**PEOPLE, accuracy=None, **calibration)
        decision = rule(weighed, BY_VOTES, 1)
        assert decision.verdict is Verdict.HOLD
        assert reason in decision.reasons[0]


def test_a_judge_that_is_blind_to_tuned_answers_is_advisory_and_says_so() -> None:
    said = doubt(tuned=Hits(n=25, accuracy=0.6))
    assert "on 25 dev items one of the two tuned adapters clearly keeps more" in said
    assert "takes its side on 60% of them, both adapters counting alike; 70% are needed" in said
    assert doubt(tuned=Hits(n=19, accuracy=0.2)) == doubt(tuned=Hits(n=25, accuracy=0.7)) == ""


def voted(wins: int, losses: int) -> Evidence:
    from evaluation.decision.score_evidence import weigh

    items = tuple(
        ItemScore(item=f"i{i}", champion={}, challenger={}, preference=float(i < wins))
        for i in range(wins + losses)
    )
    return weigh(ScoreTable(pins=None, items=items), BY_VOTES)


def test_an_open_look_says_how_many_more_votes_would_settle_it() -> None:
    (said,) = further_votes(voted(12, 6), BY_VOTES, alpha=0.03, next_alpha=0.0076)
    more = int(said.split("about ")[1].split(" more")[0])
    share = 12 / 18
    assert e_value(round(share * (18 + more)), 18 + more - round(share * (18 + more))) >= 1 / 0.03
    assert "as often as so far (67%)" in said


def test_votes_that_lose_or_have_won_ask_for_no_more() -> None:
    assert list(further_votes(voted(6, 12), BY_VOTES, alpha=0.03, next_alpha=0.0076)) == []
    assert list(further_votes(voted(30, 2), BY_VOTES, alpha=0.03, next_alpha=0.0076)) == []


# --- items to come --------------------------------------------------------------------------------

# As many more items as a HOLD asks for win the next look as often as it says.

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
