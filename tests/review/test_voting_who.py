"""Who is asked to vote, by name and on how many items; what more votes can change."""

from pathlib import Path

import pytest

from project.errors import InputError
from project.records.events import VotesAsked
from project.records.evidence import Verdict
from registry.audit import problems
from registry.ballots.open_votes import open_votes
from registry.ballots.sheets import ask_votes
from registry.ballots.standing import read_votes
from registry.roles import Roles
from registry.store import Registry
from review.challenger.decide_routes import as_typed, who_votes
from review.voting.blinding import count_votes
from tests.evaluation.test_registry_ballots import OpenLook
from tests.places import submit
from tests.review.conftest import Browser, Browsers, post
from tests.review.test_voting_count import keep
from tests.voting_sheets import all_vote, named, opened, vote_for

ITEMS = 4


@pytest.fixture
def asked(registry: Registry, tmp_path: Path) -> VotesAsked:
    return opened(registry, submit(registry, "a", tmp_path), items=ITEMS)


def ask(client: Browser, reviewers: str, votes: int = 2) -> int:
    fields = {"votes": votes, "reviewers": reviewers, "reason": "they know cards"}
    return post(client, "/review/1/votes", **fields).status_code


def left(client: Browser) -> int:
    found: int = client.get("/api/vote/1/next").json()["left"]
    return found


def vote_on_next(client: Browser) -> bool:
    """Vote on the next item; whether there was one."""
    shown = client.get("/api/vote/1/next").json()["item"]
    if shown:
        vote = {"shown": shown["shown"], "choice": "tie"}
        client.post("/api/vote/1", json=vote, headers={"X-CSRF-Token": client.csrf})
    return bool(shown)


def test_who_is_named_is_asked_about_so_many_items(browser: Browsers, asked: VotesAsked) -> None:
    assert ask(browser("ann"), "bob 2\ncat 4") == 303
    bob = browser("bob")
    assert left(bob) == 2
    assert [vote_on_next(bob) for _ in range(3)] == [True, True, False]
    assert left(bob) == 0
    assert "Done, thank you" in bob.get("/vote/1").text


def test_who_is_not_named_sees_no_item(browser: Browsers, asked: VotesAsked) -> None:
    ask(browser("ann"), "bob 2")
    page = browser("dan").get("/vote/1").text
    assert "Other people are asked to vote here." in page
    assert "the new answer" not in page
    assert "Dev answers of" not in browser("dan").get("/").text


def test_who_is_asked_is_on_record_and_in_the_form(
    client: Browser, registry: Registry, asked: VotesAsked
) -> None:
    ask(client, "bob 2\ncat 4")
    event = registry.newest_event(1, "ask")
    assert event is not None
    assert (event.actor, event.told(VotesAsked).reviewers) == ("ann", {"bob": 2, "cat": 4})
    assert "bob 2\ncat 4</textarea>" in client.get("/review/1").text


def test_the_items_of_a_reviewer_are_drawn_and_not_chosen(
    browser: Browsers, registry: Registry, asked: VotesAsked
) -> None:
    ask(browser("ann"), "bob 4")
    bob = browser("bob")
    while vote_on_next(bob):
        pass
    named_order = [key.item for key in read_votes(registry, 1).shown]
    ask(browser("ann"), "")
    cat = browser("cat")
    while vote_on_next(cat):
        pass
    assert [key.item for key in read_votes(registry, 1).shown][ITEMS:] == named_order


def test_nobody_is_named_any_more_by_an_empty_form(browser: Browsers, asked: VotesAsked) -> None:
    ask(browser("ann"), "bob 2")
    assert ask(browser("ann"), "") == 303
    assert left(browser("dan")) == ITEMS


def test_a_vote_on_what_was_shown_is_taken_from_who_is_not_named_any_more(
    browser: Browsers, asked: VotesAsked
) -> None:
    dan = browser("dan")
    assert dan.get("/api/vote/1/next").json()["item"]
    ask(browser("ann"), "bob 2")
    assert [vote_on_next(dan) for _ in range(2)] == [True, False]


def test_how_the_votes_stand_says_who_is_asked_and_what_nobody_is_asked_for(
    browser: Browsers, asked: VotesAsked
) -> None:
    ask(browser("ann"), "bob 2\ncat 4")
    vote_on_next(browser("bob"))
    report = browser("ann").get("/api/votes/1").json()
    assert [(one["name"], one["asked"], one["votes"]) for one in report["reviewers"]] == [
        ("bob", 2, 1),
        ("cat", 4, 0),
    ]
    assert report["lacking"] == 2  # of 8 votes 1 is there, and 5 are asked for
    assert "Nobody is asked for 2 votes" in browser("ann").get("/votes/1").text


def test_who_may_not_promote_names_nobody(
    client: Browser, registry: Registry, asked: VotesAsked
) -> None:
    Path("roles.yaml").write_text("vote: [ann]\npromote: [bob]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    assert ask(client, "ann 2") == 409
    assert len(registry.history(kind="ask")) == 1


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("bob", "line 1: 'bob' is not a name and a number of items"),
        ("bob 2\n\ncat two", "line 3: 'cat two' is not"),
        ("bob 2\nbob 3", "line 2: bob is named twice"),
        ("b\0b 2", "is not a name"),
    ],
)
def test_a_line_that_says_nothing_is_named(typed: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        who_votes(typed)


def test_names_may_have_blanks_and_numbers_stand_last() -> None:
    assert who_votes("Ann B. Lee, 20\n  bob:3 ") == {"Ann B. Lee": 20, "bob": 3}
    assert who_votes(" \n") is None
    assert who_votes(as_typed({"Ann B.": 20})) == {"Ann B.": 20}


@pytest.mark.parametrize(
    ("reviewers", "why"),
    [
        ({"eve": 1}, "eve may not vote: that is for bob"),
        ({"bob": 0}, "bob can be asked about 1 to 4 items, not 0"),
        ({"bob": 5}, "not 5"),
        ({"bob": 1, "BOB": 1}, "named twice"),
    ],
)
def test_who_cannot_be_asked_is_refused(
    registry: Registry, asked: VotesAsked, reviewers: dict[str, int], why: str
) -> None:
    limited = named(registry, "ann", Roles(vote=("bob", "BOB"), promote=("ann",)))
    with pytest.raises(InputError, match=why):
        ask_votes(limited, 1, 2, "please", reviewers=reviewers)


def test_the_same_question_again_is_refused(registry: Registry, asked: VotesAsked) -> None:
    ask_votes(registry, 1, 2, "please", reviewers={"bob": 2})
    with pytest.raises(InputError, match="2 votes an item are asked for already"):
        ask_votes(registry, 1, 2, "please", reviewers={"bob": 2})


# --- a HOLD, and more votes at its look ----------------------------------------------------------


@pytest.fixture
def look(registry: Registry, tmp_path: Path) -> OpenLook:
    found = OpenLook(registry, submit(registry, "a", tmp_path), votes=1)
    keep(registry, found)
    return found


def test_more_votes_decide_a_hold_anew_at_the_same_look(
    client: Browser, registry: Registry, look: OpenLook
) -> None:
    few, others = look.pairs[:3], look.pairs[3:]
    for pair in few:
        vote_for(named(registry, "bob"), 1, look.sheet, pair.item, look.label)
    held = count_votes(registry, 1)
    assert held.verdict is Verdict.HOLD
    assert f"{len(others)} items lack votes" in client.get("/review/1").text
    ask_votes(registry, 1, 1, "cat has time", reviewers={"cat": len(others)})
    for pair in others:
        vote_for(named(registry, "cat"), 1, look.sheet, pair.item, look.label)
    decision = count_votes(registry, 1)
    assert decision.verdict is Verdict.PROMOTE
    assert (decision.opening, decision.alpha) == (held.opening, held.alpha)
    assert len(registry.history(kind="open")) == 1
    assert list(problems(registry)) == []


def test_where_all_items_have_their_votes_the_page_says_that_more_change_nothing(
    client: Browser, registry: Registry, look: OpenLook
) -> None:
    all_vote(registry, 1, look.sheet, ["ann"], "base")
    before = count_votes(registry, 1)
    assert "further ones tell only how far people agree" in client.get("/review/1").text
    ask_votes(registry, 1, 3, "to see how far people agree")
    all_vote(registry, 1, look.sheet, ["bob", "cat"], look.label)
    after = count_votes(registry, 1)
    assert after.verdict is before.verdict
    assert after.bounds == before.bounds


# --- who submitted, and what was erased ----------------------------------------------------------


def test_under_four_eyes_a_submitter_does_not_vote_where_votes_decide(
    browser: Browsers, registry: Registry, look: OpenLook
) -> None:
    Path("params.yaml").write_text("registry: {family: test, four_eyes: true}\n")
    own = browser(registry.actor).get("/vote/1")
    assert own.status_code == 409
    assert "may not vote on its sealed items" in own.text
    assert "Vote" not in tasks(browser(registry.actor))
    assert "Vote" in tasks(browser("bob"))
    assert vote_on_next(browser("bob"))


def test_under_four_eyes_a_submitter_votes_on_dev_where_nothing_is_decided(
    browser: Browsers, registry: Registry, asked: VotesAsked
) -> None:
    Path("params.yaml").write_text("registry: {family: test, four_eyes: true}\n")
    assert vote_on_next(browser(registry.actor))


def tasks(client: Browser) -> str:
    return " ".join(task["action"] for task in client.get("/api/home").json()["tasks"])


def test_a_version_whose_sheet_was_erased_is_not_waited_for(
    client: Browser, registry: Registry, asked: VotesAsked
) -> None:
    assert [one.version for one in open_votes(registry)] == [1]
    registry.record_erasure(["i0"], [], [asked.sheet], "asked by a customer")
    assert open_votes(registry) == ()
    assert client.get("/").status_code == 200
    assert client.get("/review/1").status_code == 200
