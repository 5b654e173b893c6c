"""Votes that were cast on the page: what they come to is what the same votes of a file come to."""

from pathlib import Path

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.ballot_files import (
    asking_order,
    draw_chances,
    draw_order,
    draws_of,
    judged_pairs,
    read_ballots,
)
from evaluation.preference.ballots.registry_ballots import (
    decided_with_votes,
    votes_on_sheet,
    with_cast_votes,
    with_votes,
)
from evaluation.preference.preference_pairs import AnswerPair
from evaluation.preference.preference_sources import Ballots
from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.records.ballots import Rating, Rubric, VotingPair
from project.records.evidence import Decision, Evidence, Verdict
from project.records.record import short, write_records
from project.records.scores import ItemScore, ScoreTable
from registry.alpha_ledger.looks import CountedLook
from registry.ballots.casting import as_shown
from registry.ballots.sheets import ask_votes, open_sheet
from registry.ballots.standing import Key, read_votes
from registry.store import Registry
from tests.conftest import SEALED, evidence_of
from tests.places import submit
from tests.voting_sheets import all_vote, named, sheet_of, vote_for

POLICY = Policy(gating=("preference",), preference_test="e-value", unjudged_cap=1)
BY_PEOPLE = PreferenceParams().model_copy(update={"source": "ballots"})
ITEMS = 12


class OpenLook:
    """A look at sealed items that waits for votes."""

    def __init__(
        self, registry: Registry, version: AdapterVersion, votes: int, policy: Policy = POLICY
    ) -> None:
        self.registry, self.version, self.policy = registry, version, policy
        self.label = short(version.adapter.files)
        self.pins = evidence_of(version.adapter.files, None).pins
        assert self.pins is not None
        self.look: CountedLook = registry.count_look(
            version.number, self.pins, SEALED, policy=policy.digest, alpha=policy.alpha
        )
        self.pairs = sheet_of(version, ITEMS)
        asked = open_sheet(
            registry, 1, self.pairs, part="sealed", votes=votes, reason="r", look=self.look.event
        )
        (self.sheet,) = asked.detail.kept()
        self.stored = self.weighed([None] * ITEMS)

    def weighed(self, preferences: list[float | None]) -> Evidence:
        """As a look measures: beside what people prefer there is another metric."""
        items = [
            ItemScore(
                item=pair.item,
                cluster=pair.cluster,
                slices=pair.slices or (),
                champion={"rougeL": 0.1 * (n % 3)},
                challenger={"rougeL": 0.1 * (n % 4)},
                preference=preferences[n],
            )
            for n, pair in enumerate(self.pairs)
        ]
        table = ScoreTable(pins=self.pins, items=tuple(items))
        return weigh(table, self.policy, votes_to_come=True)

    def decided(self, params: PreferenceParams = BY_PEOPLE) -> tuple[Evidence, Decision]:
        return decided_with_votes(self.registry, 1, self.look, self.stored, self.policy, params)

    def seen(self, pair: VotingPair, who: str = "ann") -> VotingPair:
        """A pair with its sides as a reviewer sees them."""
        return as_shown(pair, Key(self.sheet, pair.item, who, 0))

    def vote(self, who: str, item: str, winner: str | None, rubric: Rubric | None = None) -> None:
        vote_for(named(self.registry, who), 1, self.sheet, item, winner, rubric=rubric)


@pytest.fixture
def look(registry: Registry, tmp_path: Path) -> OpenLook:
    return OpenLook(registry, submit(registry, "a", tmp_path), votes=1)


def test_the_decision_has_the_bytes_that_the_same_votes_in_a_file_give(look: OpenLook) -> None:
    for n in range(10):
        look.vote("ann", f"i{n}", None if n == 4 else "base" if n == 7 else look.label)
    cast = [one.ballot for one in read_votes(look.registry, 1).standing(look.sheet)]
    write_records(Path("ballots.jsonl"), cast)
    judge = Ballots(read_ballots(Path("ballots.jsonl")), "base", look.label, 1)
    preferences = [one.win_probability for one in judge.prefer(comparisons(look))]
    by_file = with_votes(look.stored, look.weighed(preferences))

    evidence, decision = look.decided(PreferenceParams())
    assert evidence.canonical() == by_file.canonical()
    again = rule(by_file, POLICY, look.look.number, look.look.budget)
    assert decision.canonical() == again.canonical()
    assert evidence.sealed["preference"].n == 10


def comparisons(look: OpenLook) -> list[AnswerPair]:
    texts = [{p.left: p.left_text, p.right: p.right_text} for p in look.pairs]
    return [
        AnswerPair(item=p.item, prompt="?", champion=two["base"], challenger=two[look.label])
        for p, two in zip(look.pairs, texts, strict=True)
    ]


def test_votes_that_all_agree_promote_and_a_few_hold(look: OpenLook) -> None:
    look.vote("ann", "i0", look.label)
    assert look.decided(PreferenceParams())[1].verdict is Verdict.HOLD
    for n in range(1, ITEMS):
        look.vote("ann", f"i{n}", look.label)
    assert look.decided(PreferenceParams())[1].verdict is Verdict.PROMOTE


def test_what_people_do_not_judge_stays_as_it_was_measured(look: OpenLook) -> None:
    all_vote(look.registry, 1, look.sheet, ["ann"], "base")
    evidence, _ = look.decided()
    assert evidence.sealed["rougeL"] == look.stored.sealed["rougeL"]
    assert evidence.slices["half=0"]["rougeL"] == look.stored.slices["half=0"]["rougeL"]
    assert evidence.slices["half=0"]["preference"].losses == ITEMS // 2


def test_reviewers_are_held_against_each_other_where_nothing_else_tells_how_good_they_are(
    registry: Registry, tmp_path: Path
) -> None:
    look = OpenLook(registry, submit(registry, "a", tmp_path), votes=2)
    all_vote(registry, 1, look.sheet, ["ann", "bob"], look.label)
    evidence, decision = look.decided()
    assert evidence.calibration is not None
    found = evidence.calibration
    assert (found.source, found.accuracy, found.votes) == ("ballots", 1.0, 2)
    assert decision.verdict is Verdict.PROMOTE


def test_votes_at_another_look_are_not_counted(look: OpenLook) -> None:
    all_vote(look.registry, 1, look.sheet, ["ann"], look.label)
    found = with_cast_votes(look.registry, 1, look.look.event + 1, look.stored, POLICY, BY_PEOPLE)
    assert found == look.stored


def test_repeated_items_and_votes_asked_for_later_do_not_change_what_counts(
    look: OpenLook,
) -> None:
    all_vote(look.registry, 1, look.sheet, ["ann"], look.label)
    first = look.decided(PreferenceParams())
    vote_for(named(look.registry, "ann"), 1, look.sheet, "i0", "base", repeat=1)
    ask_votes(look.registry, 1, 3, "to see how far people agree")
    all_vote(look.registry, 1, look.sheet, ["bob", "cat"], "base")
    assert look.decided(PreferenceParams()) == first


def test_a_file_and_the_page_count_together_and_nobody_speaks_in_both(look: OpenLook) -> None:
    look.vote("ann", "i0", look.label)
    (ballot,) = [one.ballot for one in read_votes(look.registry, 1).standing(look.sheet)]
    elsewhere = ballot.model_copy(update={"reviewer": "zoe", "item": "i1"})
    other = look.pairs[1]
    bound = {
        "left": other.left,
        "right": other.right,
        "left_answer": other.left_answer,
        "right_answer": other.right_answer,
    }
    path = Path("datasets/ballots/votes.jsonl")
    path.parent.mkdir(parents=True)
    write_records(path, [elsewhere.model_copy(update=bound)])
    params = PreferenceParams(source="ballots", ballots=path)
    assert look.decided(params)[0].sealed["preference"].n == 2
    for spelling in ("ann", " ANN"):
        write_records(path, [ballot.model_copy(update={"reviewer": spelling})])
        with pytest.raises(InputError, match="'ann' voted on item 'i0' in the file of ballots"):
            look.decided(params)


def test_ratings_are_a_metric_once_every_item_has_closed(look: OpenLook) -> None:
    """The left answer gets 4 and the right one 2, and which is which was drawn by lot."""
    rubric: Rubric = {"polite": Rating(left=4, right=2)}
    for n in range(ITEMS - 1):
        look.vote("ann", f"i{n}", look.label, rubric)
    assert "people:polite" not in look.decided()[0].sealed
    look.vote("ann", f"i{ITEMS - 1}", look.label)  # without a rating
    evidence, _ = look.decided()
    found = evidence.sealed["people:polite"]
    assert (found.n, found.unjudged, found.better) == (ITEMS - 1, 1, None)
    assert found.wins + found.losses == ITEMS - 1
    expected = 2 * (found.wins - found.losses) / found.n
    assert found.diff == pytest.approx(expected)
    assert set(evidence.slices["half=0"]) == {"people:polite", "preference", "rougeL"}


def test_people_are_asked_in_the_order_of_the_draws(look: OpenLook) -> None:
    judge = [n / ITEMS for n in range(ITEMS)]
    chances = draw_chances(judge)
    pairs = judged_pairs(look.pairs, judge, chances)
    order, drawn = asking_order("s", pairs), draw_order(chances, "s")
    first = [next(drawn) for _ in range(8)]
    assert list(order)[:3] == list(dict.fromkeys(first))[:3]
    assert sorted(order) == list(range(ITEMS))
    assert sorted(asking_order("s", look.pairs)) == list(range(ITEMS))
    assert asking_order("s", look.pairs) != asking_order("t", look.pairs)


def test_draws_count_as_far_as_their_items_have_closed(look: OpenLook) -> None:
    judge = [0.5] * ITEMS
    pairs = judged_pairs(look.pairs, judge, draw_chances(judge))
    order = asking_order("s", pairs)
    said: list[float | None] = [None] * ITEMS
    assert draws_of("s", pairs, said) == []
    said[order[1]] = 0.0  # out of turn
    assert draws_of("s", pairs, said) == []
    said[order[0]] = 1.0
    found = draws_of("s", pairs, said)
    assert found[0] == (order[0], 1.0)
    assert {position for position, _ in found} == {order[0], order[1]}
    everything = draws_of("s", pairs, [1.0] * ITEMS)
    assert {position for position, _ in everything} == set(range(ITEMS))


def test_a_sheet_that_was_not_judged_has_no_draws(look: OpenLook) -> None:
    assert draws_of("s", look.pairs, [1.0] * ITEMS) == []
    state = read_votes(look.registry, 1)
    votes = votes_on_sheet(look.registry, state, state.sheet(), BY_PEOPLE)
    assert votes.preferences() == [None] * ITEMS


def test_votes_beside_a_judge_make_the_preference(registry: Registry, tmp_path: Path) -> None:
    look = OpenLook(registry, submit(registry, "a", tmp_path), votes=1)
    judge = [0.3 + 0.4 * (n % 2) for n in range(ITEMS)]
    pairs = judged_pairs(look.pairs, judge, draw_chances(judge))
    asked = open_sheet(registry, 1, pairs, part="sealed", votes=1, reason="r", look=look.look.event)
    (look.sheet,) = asked.detail.kept()
    params = PreferenceParams(source="people+judge")
    assert "preference" not in look.decided(params)[0].sealed
    for n in asking_order(look.sheet, pairs)[: ITEMS - 2]:
        look.vote("ann", f"i{n}", look.label if n % 2 else "base")
    found = look.decided(params)[0].sealed["preference"]
    assert found.people is not None
    assert (found.people.votes, found.n) == (ITEMS - 2, ITEMS)
    assert abs(found.diff) < 0.15
