"""What a voter tries, to learn whose answer is whose, or how others voted: no page tells it."""

from pathlib import Path

import pytest

from evaluation.decision.rule import rule
from project.records.adapters import AdapterVersion
from project.records.events import BallotCast, VotesAsked
from project.records.evidence import Verdict
from project.records.record import short
from registry.store import Registry
from review.voting.blinding import count_votes
from tests.evaluation.test_decision import calibration
from tests.evaluation.test_registry_ballots import OpenLook
from tests.places import decide, submit
from tests.review.conftest import Browsers
from tests.voting_sheets import all_vote, opened

# Wherever events or votes are told of, with all by which more of them can be asked for.
PAGES = [
    "/",
    "/history",
    *(f"/history?kind={kind}" for kind in ("all", "ask", "show", "vote", "unvote")),
    "/versions/1",
    "/review/1",
    "/review/1/votes",
    "/dossier/1",
    "/dossier/1/file",
    "/vote/1",
]
TWINS = [
    "/api/home",
    *(f"/api/history?kind={kind}" for kind in ("all", "ask", "show", "vote", "unvote")),
    "/api/history?text=vote",
    "/api/versions/1",
    "/api/review/1",
    "/api/dossier/1",
    "/api/vote/1/next",
]


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> AdapterVersion:
    return decide(registry, submit(registry, "a", tmp_path))


@pytest.fixture
def asked(registry: Registry, version: AdapterVersion) -> VotesAsked:
    """A sheet that bob has voted on, in a project where carol alone decides."""
    found = opened(registry, version)
    all_vote(registry, 1, found.sheet, ["bob"], short(version.adapter.files))
    Path("roles.yaml").write_text("vote: everybody\npromote: [carol]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    return found


def test_no_page_tells_a_voter_what_ballots_are_bound_to(
    browser: Browsers, asked: VotesAsked, registry: Registry
) -> None:
    """By a ballot's digests anybody knows the answers again, and which side was whose; by the
    sheet's digest the lots of the sides can be drawn again.
    """
    ballots = [event.told(BallotCast) for event in registry.history(kind="vote")]
    digests = (digest for one in ballots for digest in (one.left_answer, one.right_answer))
    secret = {asked.sheet, *digests}
    answers = {path: browser("ann").get(path) for path in (*PAGES, *TWINS)}
    assert {answer.status_code for answer in answers.values()} == {200}
    assert [
        path for path, answer in answers.items() if any(one in answer.text for one in secret)
    ] == []


def test_no_page_tells_a_voter_who_voted(browser: Browsers, asked: VotesAsked) -> None:
    ann = browser("ann")
    assert [path for path in (*PAGES, *TWINS) if "bob" in ann.get(path).text] == []


def test_a_voter_learns_nothing_of_an_own_ballot_either(
    browser: Browsers, asked: VotesAsked
) -> None:
    """Else one could vote, look whose answer it was, take the vote back, and vote again."""
    ann = browser("ann")
    shown = ann.get("/api/vote/1/next").json()["item"]["shown"]
    token = {"X-CSRF-Token": ann.csrf}
    ann.post("/api/vote/1", json={"shown": shown, "choice": "left"}, headers=token)
    for query in ("kind=vote", "kind=all", "actor=ann", "kind=vote&actor=ann&text=left"):
        kinds = {one["kind"] for one in ann.get(f"/api/history?{query}").json()["events"]}
        assert not kinds & {"ask", "show", "vote", "unvote"}


def test_the_search_of_the_history_is_no_oracle(browser: Browsers, asked: VotesAsked) -> None:
    """A digest can be guessed a letter at a time where a search says whether it is there."""
    for guess in (asked.sheet, asked.sheet[:8]):
        for kind in ("", "ask", "show", "vote", "all"):
            found = browser("ann").get("/api/history", params={"text": guess, "kind": kind}).json()
            assert found["events"] == []


def test_who_decides_sees_every_vote(browser: Browsers, asked: VotesAsked) -> None:
    carol = browser("carol")
    found = carol.get("/api/history?kind=vote").json()["events"]
    assert [one["actor"] for one in found] == ["bob"] * 3
    assert asked.sheet in carol.get("/api/versions/1").text
    assert "bob" in carol.get("/dossier/1").text


# What tells how people voted, once votes were counted into a decision that leaves voting open.
TELLING = ("+0.500", '"diff":0.5,', "4 wins", "decided votes", "e-value of")


@pytest.fixture
def counted(registry: Registry, tmp_path: Path) -> OpenLook:
    """An interim count: bob voted on half of the items, and the look stays open."""
    look = OpenLook(registry, submit(registry, "a", tmp_path), votes=1)
    source = calibration(source="ballots", votes=1)
    stored = look.stored.model_copy(update={"calibration": source})
    first = rule(stored, look.policy, look.look.number, look.look.budget)
    registry.record_decision(1, first, stored, look.policy)
    for n in range(4):
        look.vote("bob", f"i{n}", look.label)
    assert count_votes(registry, 1).verdict is Verdict.HOLD
    Path("roles.yaml").write_text("vote: everybody\npromote: [carol]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    return look


MEASURED = [
    *("/review/1", "/versions/1", "/versions/1/card", "/dossier/1", "/dossier/1/file"),
    *("/api/review/1", "/api/versions/1", "/api/versions/1/card", "/api/dossier/1"),
    *("/api/versions/compare?a=1&b=1", "/history?kind=decide", "/api/history?text=wins"),
    "/api/home",
]


def test_an_interim_count_tells_a_voter_nothing(browser: Browsers, counted: OpenLook) -> None:
    for path in MEASURED:
        answer = browser("ann").get(path)
        assert answer.status_code == 200, path
        assert [word for word in TELLING if word in answer.text] == [], path
        if "dossier" not in path:  # it has the policy, which everybody may know
            assert "preference" not in answer.text, path


def test_who_decides_sees_an_interim_count(browser: Browsers, counted: OpenLook) -> None:
    for path in ("/api/review/1", "/api/versions/1", "/api/dossier/1"):
        told = browser("carol").get(path).text
        assert "4 wins and 0 losses" in told, path
        assert "+0.500" in told or '"diff":0.5,' in told, path
        assert "rougeL" in browser("ann").get(path).text, path


def test_what_people_said_is_told_once_voting_has_ended(
    browser: Browsers, counted: OpenLook, registry: Registry
) -> None:
    registry.reject(1, "too few care")
    assert "4 wins and 0 losses" in browser("ann").get("/api/review/1").text
