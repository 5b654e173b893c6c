"""The gate that people's votes and a judge feed: what it counts and what it says."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from evaluation.decision.policy import Policy, refuse_unread_votes
from evaluation.decision.rule import rule
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.ballot_files import draw_chances, draw_order
from evaluation.preference.ballots.preference_evidence import (
    with_people_and_judge,
    without_preference,
)
from project.canonical import digest_bytes
from project.errors import InputError
from project.records.ballots import VotingPair
from project.records.evidence import Evidence, MetricEvidence, Verdict
from project.records.preferences import Calibration
from project.settings import load
from tests.evaluation.test_decision import calibration

ITEMS = 400
T_TEST = Policy(gating=("preference",))
ANY_TIME = Policy(gating=("preference",), preference_test="e-value")
LEFT, RIGHT = digest_bytes(b"left"), digest_bytes(b"right")
# A judge that is no better than picking the longer answer.
POOR = calibration(
    n=50, accuracy=0.5, kappa=0.0, first_rate=0.5, matched_n=20, matched_accuracy=0.5, people=True
)


def stored(policy: Policy, calibration: Calibration | None = POOR) -> Evidence:
    return Evidence(
        pins=None,
        policy=policy.digest,
        dev={},
        sealed={},
        slices={"topic=a": {}},
        calibration=calibration,
    )


def sheet(people: list[float], right: float, *, seed: int = 0) -> list[VotingPair]:
    """Pairs of which the judge knows people's word on this share."""
    knows = np.random.default_rng(seed).random(len(people)) < right
    judge = [0.5 + (0.4 if k else -0.4) * (2 * y - 1) for k, y in zip(knows, people, strict=True)]
    chances = draw_chances(judge)
    return [pair(i, f, q) for i, (f, q) in enumerate(zip(judge, chances, strict=True))]


def pair(i: int, preference: float, chance: float) -> VotingPair:
    return VotingPair(
        item=f"i{i}",
        prompt="?",
        left="a",
        right="b",
        left_text="left",
        right_text="right",
        left_answer=LEFT,
        right_answer=RIGHT,
        slices=("topic=a",) if i % 2 else ("topic=b",),
        preference=preference,
        chance=chance,
    )


def said_by(share: float, seed: int = 0) -> list[float]:
    return [float(lot < share) for lot in np.random.default_rng(seed).random(ITEMS)]


def weighed(policy: Policy, share: float, votes: int, right: float = 0.8) -> Evidence:
    people = said_by(share)
    pairs = sheet(people, right)
    order = draw_order([found.chance or 0.0 for found in pairs], "sheet")
    draws = [(i, people[i]) for i in islice(order, votes)]
    return with_people_and_judge(stored(policy), pairs, draws, policy)


def preference(evidence: Evidence) -> MetricEvidence:
    return evidence.sealed["preference"]


@pytest.mark.parametrize("policy", [T_TEST, ANY_TIME], ids=["t", "e-value"])
def test_people_who_prefer_the_challenger_promote_it_however_poor_the_judge_is(
    policy: Policy,
) -> None:
    evidence = weighed(policy, share=0.7, votes=200, right=0.3)
    decision = rule(evidence, policy, 1)
    assert decision.verdict is Verdict.PROMOTE
    people = preference(evidence).people
    assert people is not None and people.tuning == 0
    assert (people.e_value is not None) is (policy is ANY_TIME)


def test_a_good_judge_promotes_sooner() -> None:
    good, poor = (preference(weighed(T_TEST, 0.6, 100, right)) for right in (0.95, 0.3))
    assert good.se < 0.8 * poor.se
    assert good.people is not None and good.people.saved > 50


def test_people_who_prefer_the_champion_reject_whatever_the_judge_says() -> None:
    assert rule(weighed(T_TEST, 0.3, 200, right=0.1), T_TEST, 1).verdict is Verdict.REJECT


def test_the_judge_alone_decides_nothing() -> None:
    evidence = weighed(ANY_TIME, share=1.0, votes=0, right=1.0)
    assert "preference" not in evidence.sealed
    decision = rule(evidence, ANY_TIME, 1)
    assert decision.verdict is Verdict.HOLD
    assert decision.reasons[0] == (
        "preference is not known yet: people voted on too few of the items that were drawn"
    )


@pytest.mark.parametrize("preference", ["source: people+judge", "source: ballots"])
def test_votes_after_a_look_need_the_any_time_test(preference: str) -> None:
    Path("params.yaml").write_text(
        f"evaluation:\n  preference: {{{preference}}}\n  policy:\n    preference_test: t\n"
    )
    with pytest.raises(InputError, match="read by an e-value alone: set it to e-value") as found:
        refuse_unread_votes(load(Policy), load(PreferenceParams))
    assert str(found.value).startswith("params.yaml:4: evaluation.policy.preference_test: people")
    refuse_unread_votes(ANY_TIME, load(PreferenceParams))
    refuse_unread_votes(Policy(gating=("rougeL",)), load(PreferenceParams))


def test_votes_of_a_file_are_read_once_by_either_test() -> None:
    by_file = PreferenceParams(source="ballots", ballots=Path("datasets/ballots/a.jsonl"))
    refuse_unread_votes(T_TEST, by_file)
    refuse_unread_votes(ANY_TIME, by_file)


def test_a_hold_says_how_many_more_votes_would_settle_it() -> None:
    for policy in (T_TEST, ANY_TIME):
        decision = rule(weighed(policy, share=0.55, votes=25), policy, 1)
        assert decision.verdict is Verdict.HOLD
        assert decision.reasons[-1].startswith("about ")
        assert "more items with people's votes would settle" in decision.reasons[-1]


def test_an_e_value_is_said_with_what_it_rests_on() -> None:
    decision = rule(weighed(ANY_TIME, share=0.7, votes=200), ANY_TIME, 1)
    assert "with the judge on all 400, give an e-value of " in decision.reasons[0]


def test_a_vote_on_every_item_is_not_proof_of_items_to_come() -> None:
    """The bets know these 400 items' mean surely; that 51 % is above one half everywhere is not
    known.
    """
    people = [1.0] * 205 + [0.0] * 195
    pairs = sheet(people, 0.5)
    order = draw_order([found.chance or 0.0 for found in pairs], "sheet")
    draws = [(i, people[i]) for i in islice(order, 6000)]
    evidence = with_people_and_judge(stored(ANY_TIME), pairs, draws, ANY_TIME)
    found = preference(evidence).people
    assert found is not None and found.votes == 400
    assert found.e_value is not None and found.e_value < 2


def test_slices_are_judged_by_their_own_items() -> None:
    people = [float(i % 2) for i in range(ITEMS)]  # topic=a is all for the challenger
    pairs = sheet(people, 0.8)
    order = draw_order([found.chance or 0.0 for found in pairs], "sheet")
    draws = [(i, people[i]) for i in islice(order, 150)]
    found = with_people_and_judge(stored(T_TEST), pairs, draws, T_TEST).slices["topic=a"]
    assert found["preference"].diff == pytest.approx(0.5)
    assert found["preference"].n == ITEMS / 2
    assert found["preference"].losses == 0


def test_a_slice_without_an_item_on_the_sheet_has_no_preference() -> None:
    people = said_by(0.7)
    pairs = [found.model_copy(update={"slices": None}) for found in sheet(people, 0.8)]
    draws = [(i, people[i]) for i in range(50)]
    found = with_people_and_judge(stored(T_TEST), pairs, draws, T_TEST)
    assert found.slices == {"topic=a": {}}
    assert "preference" in found.sealed


def test_votes_move_nothing_but_the_preference() -> None:
    evidence = weighed(ANY_TIME, share=0.7, votes=100)
    assert without_preference(evidence) == stored(ANY_TIME)
    assert evidence.without_votes == stored(ANY_TIME).without_votes


def test_evidence_without_people_has_the_bytes_that_it_had() -> None:
    assert b'"people"' not in stored(T_TEST, calibration=None).canonical()
    fields = preference(weighed(T_TEST, 0.7, 100)).model_dump(exclude={"people"})
    assert b'"people"' not in MetricEvidence(**fields).canonical()


@pytest.mark.parametrize(
    ("settings", "judge"),
    [
        ({"source": "people+judge"}, "reward"),
        ({"source": "people+judge", "judge": {"url": "http://x/v1", "model": "m"}}, "judge"),
        ({"source": "reward"}, "reward"),
    ],
)
def test_the_judge_beside_people_is_the_one_that_is_configured(
    settings: dict[str, object], judge: str
) -> None:
    params = PreferenceParams.model_validate(settings)
    assert params.judged_by == judge
    assert params.asks_people is (params.source == "people+judge")
    assert params.asks_a_judge is (judge == "judge")
