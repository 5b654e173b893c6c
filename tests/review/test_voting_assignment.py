"""Who is asked what next, when an item is asked again, and how far somebody is."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from project.records.record import short
from registry.ballots.casting import Vote, cast, show
from registry.ballots.sheets import read_sheet
from registry.ballots.standing import read_votes
from registry.store import Registry
from review.voting.live import reviewers, self_agreement
from review.voting.voting_view import Assignments, VotingTurn
from tests.places import START, submit
from tests.voting_sheets import all_vote, named, opened, vote_for


class Sheet:
    def __init__(self, registry: Registry, items: int, votes: int = 2) -> None:
        self.registry = registry
        self.digest = opened(registry, registry.version(1), items, votes).sheet
        self.items = [p.item for p in read_sheet(registry.artifacts, self.digest).pairs]
        self.label = short(registry.version(1).adapter.files)

    def way(self, who: str, repeats: float = 0.0, now: datetime = START) -> Assignments:
        votes = read_votes(self.registry, 1)
        return Assignments(votes, votes.sheet(), self.items, who, now, repeats)

    def vote(self, who: str, turn: VotingTurn, winner: str | None = "base") -> None:
        registry = named(self.registry, who)
        vote_for(registry, 1, self.digest, turn.item, winner, repeat=turn.repeat)


@pytest.fixture(autouse=True)
def version(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "a", tmp_path)


def test_items_are_asked_in_their_order(registry: Registry) -> None:
    sheet = Sheet(registry, 3)
    for item in sheet.items:
        turn = sheet.way("ann").next()
        assert turn == VotingTurn(item)
        sheet.vote("ann", turn)
    assert sheet.way("ann").next() is None


def test_what_another_looks_at_now_comes_later(registry: Registry) -> None:
    sheet = Sheet(registry, 3, votes=1)
    show(named(registry, "ann"), 1, sheet.digest, "i0")
    assert sheet.way("bob").next() == VotingTurn("i1")
    later = START + timedelta(hours=1)
    assert sheet.way("bob", now=later).next() == VotingTurn("i0")


def test_a_third_person_is_asked_once_where_two_disagree(registry: Registry) -> None:
    sheet = Sheet(registry, 1)
    sheet.vote("ann", VotingTurn("i0"))
    sheet.vote("bob", VotingTurn("i0"), sheet.label)
    assert sheet.way("cat").next() == VotingTurn("i0")
    show(named(registry, "cat"), 1, sheet.digest, "i0")
    assert sheet.way("cat").next() == VotingTurn("i0")
    assert sheet.way("dan").next() is None
    assert sheet.way("dan", now=START + timedelta(hours=1)).next() == VotingTurn("i0")


def test_a_reviewer_in_two_spellings_is_one(registry: Registry) -> None:
    sheet = Sheet(registry, 2)
    for who, repeat in (("Ann", 0), ("ann", 1)):
        seen = show(named(registry, who), 1, sheet.digest, "i0", repeat=repeat)
        cast(named(registry, who), 1, Vote(shown=seen.seq, choice="tie"))
    (ann,) = reviewers(votes := read_votes(registry, 1), votes.sheet())
    assert (ann.name, ann.votes, ann.repeats, ann.self_agreement) == ("Ann", 1, 1, 1.0)


def test_what_has_all_its_votes_is_asked_of_nobody(registry: Registry) -> None:
    sheet = Sheet(registry, 2, votes=1)
    sheet.vote("ann", VotingTurn("i0"))
    assert sheet.way("bob").next() == VotingTurn("i1")


def test_what_was_seen_and_not_voted_on_comes_first(registry: Registry) -> None:
    sheet = Sheet(registry, 3)
    show(named(registry, "ann"), 1, sheet.digest, "i2")
    assert sheet.way("ann").next() == VotingTurn("i2")


def test_a_planted_item_comes_again_once_and_ten_items_later(registry: Registry) -> None:
    sheet, asked = Sheet(registry, 30, votes=1), []
    while turn := sheet.way("ann", repeats=0.5).next():
        asked.append(turn)
        sheet.vote("ann", turn)
    again = [turn.item for turn in asked if turn.repeat]
    assert 2 < len(again) < 20
    assert len(again) == len(set(again))
    for item in again:
        first, second = (asked.index(VotingTurn(item, repeat)) for repeat in (0, 1))
        assert second - first > 10
    state = read_votes(registry, 1)
    assert self_agreement(state, sheet.digest) == 1.0
    (ann,) = reviewers(state, state.sheet())
    assert (ann.votes, ann.repeats, ann.self_agreement) == (30, len(again), 1.0)


def test_who_says_another_thing_the_second_time_is_known_for_it(registry: Registry) -> None:
    sheet = Sheet(registry, 2)
    sheet.vote("ann", VotingTurn("i0"))
    sheet.vote("ann", VotingTurn("i1"))
    sheet.vote("ann", VotingTurn("i0", repeat=1), sheet.label)
    sheet.vote("ann", VotingTurn("i1", repeat=1))
    assert self_agreement(read_votes(registry, 1), sheet.digest) == 0.5


def test_progress_counts_items_and_says_how_many_were_asked_again(registry: Registry) -> None:
    sheet, turns, totals = Sheet(registry, 30, votes=1), [], set()
    while turn := sheet.way("ann", repeats=0.5).next():
        turns.append(turn)
        totals.add(sheet.way("ann").progress().total)
        sheet.vote("ann", turn)
    progress = sheet.way("ann").progress()
    assert (totals, progress.done, progress.left) == ({30}, 30, 0)
    assert progress.again == len(turns) - 30 > 2
    assert not turns[-1].repeat  # or the page asked on where it says that nothing is left


def test_an_item_that_closed_while_it_was_on_a_screen_is_asked_no_more(registry: Registry) -> None:
    sheet = Sheet(registry, 2, votes=1)
    show(named(registry, "dan"), 1, sheet.digest, "i0")
    sheet.vote("cyd", VotingTurn("i0"))
    assert sheet.way("dan").next() == VotingTurn("i1")
    sheet.vote("cyd", VotingTurn("i1"))
    assert sheet.way("dan").next() is None
    assert sheet.way("dan").progress().total == 0


def test_progress_counts_what_is_left_for_this_person(registry: Registry) -> None:
    sheet = Sheet(registry, 4)
    all_vote(registry, 1, sheet.digest, ["bob", "cat"], "base")
    assert (sheet.way("ann").progress().done, sheet.way("ann").progress().left) == (0, 0)
    bob = sheet.way("bob").progress()
    assert (bob.done, bob.left, bob.total, bob.minutes) == (4, 0, 4, 0)
