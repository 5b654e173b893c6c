"""A HOLD for want of a preference says what would help."""

from typing import Any

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.preference_doubts import (
    doubts_on_preference,
    further_votes,
    pairs_needed,
    vote_wins,
)
from evaluation.decision.statistics import e_value
from project.records.evidence import Evidence
from project.records.preferences import Calibration, Hits, wilson_lower
from project.records.scores import ItemScore, ScoreTable
from tests.evaluation.test_calibration import GOOD

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


def test_ballots_of_one_person_ask_for_a_second_one() -> None:
    said = doubt(source="ballots", n=0, accuracy=None, longer_accuracy=None, votes=1)
    assert "a second person's votes on the same items" in said


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
