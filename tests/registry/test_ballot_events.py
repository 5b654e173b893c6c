"""Votes in the registry: who may, on what, once; and what a stuffed ballot box gets."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.ballots import Ballot, Choice, counting
from project.records.events import BallotCast, Event
from project.records.evidence import Verdict
from project.records.record import short
from registry.audit import problems
from registry.ballots.casting import Vote, cast, comment_text, show, withdraw
from registry.ballots.open_votes import open_votes
from registry.ballots.sheets import ask_votes, asked_about, open_sheet, read_sheet
from registry.ballots.standing import read_votes
from registry.garbage import collect
from registry.roles import Roles
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision
from tests.places import submit
from tests.voting_sheets import all_vote, look_at_sealed, named, opened, sheet_of, vote_for


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> AdapterVersion:
    return submit(registry, "a", tmp_path)


@pytest.fixture
def sheet(registry: Registry, version: AdapterVersion) -> str:
    return opened(registry, version).sheet


def standing(registry: Registry, sheet: str) -> list[str]:
    return [str(one.ballot) for one in read_votes(registry, 1).standing(sheet)]


def test_a_ballot_is_bound_to_the_digests_of_both_answers(registry: Registry, sheet: str) -> None:
    told = vote_for(named(registry, "ann"), 1, sheet, "i0", "base").told(BallotCast)
    pair = read_sheet(registry.artifacts, sheet).by_item["i0"]
    bound = {told.left: told.left_answer, told.right: told.right_answer}
    assert bound == {pair.left: pair.left_answer, pair.right: pair.right_answer}
    assert standing(registry, sheet) == ["ann on i0: base"]


def test_the_same_sheet_again_asks_nothing_new(registry: Registry, version: AdapterVersion) -> None:
    opened(registry, version)
    opened(registry, version)
    assert len(registry.history(kind="ask")) == 1


def test_one_person_in_two_spellings_has_one_ballot(registry: Registry, sheet: str) -> None:
    """As behind a proxy that does not tell capitals apart."""
    vote_for(named(registry, "ann"), 1, sheet, "i0", "base")
    with pytest.raises(IncumbentError, match="that ballot stands"):
        vote_for(named(registry, "Ann "), 1, sheet, "i0", "base")


def test_a_second_ballot_on_an_item_is_refused(registry: Registry, sheet: str) -> None:
    ann = named(registry, "ann")
    vote_for(ann, 1, sheet, "i0", "base")
    with pytest.raises(IncumbentError, match="that ballot stands"):
        vote_for(ann, 1, sheet, "i0", None)
    assert standing(registry, sheet) == ["ann on i0: base"]


def test_of_two_windows_that_vote_at_once_one_ballot_stands(registry: Registry, sheet: str) -> None:
    ann = named(registry, "ann")
    shown = show(ann, 1, sheet, "i0")

    def attempt(choice: Choice) -> bool:
        try:
            cast(ann, 1, Vote(shown=shown.seq, choice=choice))
        except IncumbentError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(attempt, ["left", "right", "tie", "both_bad"]))
    assert done.count(True) == 1
    assert len(standing(registry, sheet)) == 1


def test_reviewers_vote_at_once_and_both_stand(registry: Registry, sheet: str) -> None:
    def attempt(name: str) -> None:
        vote_for(named(registry, name), 1, sheet, "i0", "base")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, ["ann", "bob", "cat", "dan"]))
    assert len(standing(registry, sheet)) == 4
    assert list(problems(registry)) == []


def test_nobody_votes_on_what_was_shown_to_another(registry: Registry, sheet: str) -> None:
    shown = show(named(registry, "ann"), 1, sheet, "i0")
    with pytest.raises(IncumbentError, match="was not shown to you"):
        cast(named(registry, "bob"), 1, Vote(shown=shown.seq, choice="left"))


@pytest.mark.parametrize("seq", [1, 2, 99])
def test_a_number_of_another_event_is_no_ballot(registry: Registry, sheet: str, seq: int) -> None:
    with pytest.raises(IncumbentError, match="was not shown to you"):
        cast(named(registry, "bob"), 1, Vote(shown=seq, choice="left"))


def test_a_vote_on_answers_that_were_replaced_is_refused(
    registry: Registry, version: AdapterVersion, sheet: str
) -> None:
    ann = named(registry, "ann")
    shown = show(ann, 1, sheet, "i0")
    opened(registry, version, items=4)
    with pytest.raises(IncumbentError, match="reload the voting page"):
        cast(ann, 1, Vote(shown=shown.seq, choice="left"))


def test_an_item_that_is_on_no_sheet_is_not_shown(registry: Registry, sheet: str) -> None:
    with pytest.raises(InputError, match="not on the voting sheet"):
        show(registry, 1, sheet, "i99")
    with pytest.raises(IncumbentError, match="not voted on"):
        show(registry, 1, "0" * 64, "i0")


def test_who_saw_an_item_is_on_record_once(registry: Registry, sheet: str) -> None:
    for _ in range(3):
        show(named(registry, "ann"), 1, sheet, "i0")
    assert [event.actor for event in registry.history(kind="show")] == ["ann"]


def test_who_may_not_vote_sees_nothing_and_casts_nothing(registry: Registry, sheet: str) -> None:
    eve = named(registry, "eve", Roles(vote=("ann",)))
    with pytest.raises(IncumbentError, match="eve may not vote"):
        show(eve, 1, sheet, "i0")
    with pytest.raises(IncumbentError, match="eve may not vote"):
        cast(eve, 1, Vote(shown=1, choice="tie"))
    with pytest.raises(IncumbentError, match="eve may not vote"):
        withdraw(eve, 1, 1)


def test_sealed_items_are_shown_only_after_a_counted_look(
    registry: Registry, version: AdapterVersion
) -> None:
    pairs = sheet_of(version, 3)

    def open_sealed(look: int | None) -> Event:
        return open_sheet(registry, 1, pairs, part="sealed", votes=1, reason="r", look=look)

    for wrong in (None, 1):
        with pytest.raises(IncumbentError, match="no look at the sealed eval set was counted"):
            open_sealed(wrong)
    assert open_sealed(look_at_sealed(registry, version)).kind == "ask"
    found = asked_about(registry, 1)
    assert found is not None
    assert found.detail.part == "sealed"


def test_a_sheet_of_other_versions_is_refused(registry: Registry, version: AdapterVersion) -> None:
    pairs = [p.model_copy(update={"left": "someone"}) for p in sheet_of(version, 2)]
    with pytest.raises(InputError, match="compares"):
        open_sheet(registry, 1, pairs, part="dev", votes=2, reason="r")


def test_a_sheet_whose_digests_are_of_other_answers_is_refused(
    registry: Registry, version: AdapterVersion
) -> None:
    pairs = [p.model_copy(update={"left_text": "another"}) for p in sheet_of(version, 2)]
    with pytest.raises(InputError, match="are of other answers than it has"):
        open_sheet(registry, 1, pairs, part="dev", votes=2, reason="r")


def test_the_last_ballot_is_taken_back_and_cast_anew(registry: Registry, sheet: str) -> None:
    ann = named(registry, "ann")
    first = vote_for(ann, 1, sheet, "i0", "base")
    last = vote_for(ann, 1, sheet, "i1", "base")
    with pytest.raises(IncumbentError, match="only your own last ballot"):
        withdraw(ann, 1, first.seq)
    with pytest.raises(IncumbentError, match="only your own last ballot"):
        withdraw(named(registry, "bob"), 1, last.seq)
    withdraw(ann, 1, last.seq)
    vote_for(ann, 1, sheet, "i1", None)
    assert standing(registry, sheet) == ["ann on i0: base", "ann on i1: tie"]


def test_a_ballot_that_a_decision_counted_is_not_taken_back(
    registry: Registry, version: AdapterVersion
) -> None:
    evidence = evidence_of(version.adapter.files, None)
    look = look_at_sealed(registry, version, evidence.digest)
    asked = open_sheet(
        registry, 1, sheet_of(version, 2), part="sealed", votes=1, reason="r", look=look
    )
    ann = named(registry, "ann")
    ballot = vote_for(ann, 1, next(asked.detail.kept()), "i0", "base")
    keep_decision(registry, 1, decision_on(evidence, Verdict.HOLD), evidence)
    with pytest.raises(IncumbentError, match="was counted in a decision"):
        withdraw(ann, 1, ballot.seq)


def test_seconds_run_from_the_showing_to_the_vote(registry: Registry, sheet: str) -> None:
    """The clock of these tests ticks a second at each reading."""
    ann = named(registry, "ann")
    shown = show(ann, 1, sheet, "i0")
    for _ in range(9):
        registry.clock()
    ballot = cast(ann, 1, Vote(shown=shown.seq, choice="tie"))
    assert ballot.told(BallotCast).seconds == 10


@pytest.mark.parametrize("settle", ["reject", "promote", "delete"])
def test_voting_ends_when_a_person_has_settled_it(
    registry: Registry, sheet: str, settle: str
) -> None:
    shown = show(registry, 1, sheet, "i0")
    if settle == "reject":
        registry.reject(1, "impolite")
    elif settle == "promote":
        registry.promote(1, "it won", force=True)
    else:
        registry.delete(1, "not needed")
    with pytest.raises(IncumbentError, match=r"voting has ended|nothing to vote on"):
        cast(registry, 1, Vote(shown=shown.seq, choice="left"))
    assert open_votes(registry) == ()


def test_more_votes_are_asked_for_and_never_fewer(registry: Registry, sheet: str) -> None:
    ask_votes(registry, 1, 3, "reviewers disagree")
    found = asked_about(registry, 1)
    assert found is not None
    assert (found.detail.votes, found.closes_at, found.detail.sheet) == (3, 2, sheet)
    with pytest.raises(InputError, match="3 votes an item are asked for already"):
        ask_votes(registry, 1, 3, "again")
    with pytest.raises(IncumbentError, match="eve may not promote"):
        ask_votes(named(registry, "eve", Roles(promote=("ann",))), 1, 5, "more")


def test_open_votes_says_what_is_missing(registry: Registry, version: AdapterVersion) -> None:
    assert open_votes(registry) == ()
    sheet, label = opened(registry, version).sheet, short(version.adapter.files)
    vote_for(named(registry, "ann"), 1, sheet, "i0", "base")
    vote_for(named(registry, "bob"), 1, sheet, "i0", label)  # a third one is to speak
    vote_for(named(registry, "ann"), 1, sheet, "i1", "base")
    (found,) = open_votes(registry)
    assert (found.version, found.items, found.closed, found.votes) == (1, 3, 0, 3)
    assert found.needed == 1 + 1 + 2
    all_vote(registry, 1, sheet, ["cat", "dan"], "base")
    (found,) = open_votes(registry)
    assert (found.closed, found.needed) == (3, 0)


def test_the_third_ballot_on_a_conflict_is_marked_as_one(registry: Registry, sheet: str) -> None:
    version = short(registry.version(1).adapter.files)
    cast_ones = [
        vote_for(named(registry, who), 1, sheet, "i0", winner).told(BallotCast)
        for who, winner in (("ann", "base"), ("bob", version), ("cat", version))
    ]
    assert [one.adjudication for one in cast_ones] == [0, 0, 1]


def ballot(reviewer: str, choice: Choice) -> Ballot:
    return Ballot(
        item="i", reviewer=reviewer, left="a", right="b", choice=choice, at="2026-01-01T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("choices", "votes", "counted"),
    [
        ("l", 2, None),
        ("ll", 2, 2),
        ("lt", 2, 2),
        ("lr", 2, None),  # they disagree
        ("lrr", 2, 3),
        ("lrtl", 2, 3),  # the third one has spoken, whatever a fourth says
        ("llr", 2, 2),
        ("lr", 3, None),
        ("lrl", 3, 3),
        ("lt", None, 2),
    ],
)
def test_an_item_closes_by_a_rule_that_is_fixed_in_advance(
    choices: str, votes: int | None, counted: int | None
) -> None:
    words: dict[str, Choice] = {"l": "left", "r": "right", "t": "tie"}
    cast_ones = [ballot(f"r{i}", words[c]) for i, c in enumerate(choices)]
    found = counting(cast_ones, votes)
    assert (None if found is None else len(found)) == counted


def test_a_sheet_is_kept_for_ever_and_the_registry_verifies(registry: Registry, sheet: str) -> None:
    vote_for(registry, 1, sheet, "i0", "base")
    collect(registry, dry_run=False)
    assert read_sheet(registry.artifacts, sheet).by_item.keys() == {"i0", "i1", "i2"}
    assert list(problems(registry)) == []


def test_what_another_process_wrote_is_seen(registry: Registry, sheet: str, tmp_path: Path) -> None:
    assert standing(registry, sheet) == []
    with Registry(tmp_path / "registry", "test", actor="bob") as other:
        vote_for(other, 1, sheet, "i0", "base")
    assert standing(registry, sheet) == ["bob on i0: base"]


def test_a_comment_is_kept_beside_the_history_and_can_be_erased(
    registry: Registry, sheet: str
) -> None:
    shown = show(registry, 1, sheet, "i0")
    cast(registry, 1, Vote(shown=shown.seq, choice="tie", comment=" Jana is rude "))
    (event,) = registry.history(kind="vote")
    ballot = event.told(BallotCast)
    assert "Jana" not in event.canonical().decode()
    assert comment_text(registry.artifacts, ballot) == "Jana is rude"
    assert (list(problems(registry)), collect(registry)) == ([], [])
    assert ballot.comment is not None
    registry.record_erasure(["r1"], [], [ballot.comment], "she asked for it")
    assert comment_text(registry.artifacts, ballot) is None
    assert list(problems(registry)) == []


def test_two_comments_with_the_same_words_are_two(registry: Registry, sheet: str) -> None:
    for item in ("i0", "i1"):
        shown = show(registry, 1, sheet, item)
        cast(registry, 1, Vote(shown=shown.seq, choice="tie", comment="rude"))
    digests = {event.told(BallotCast).comment for event in registry.history(kind="vote")}
    assert len(digests) == 2
