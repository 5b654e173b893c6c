"""The voting page: blind, once for each reviewer, and gone on with after anything."""

import re
from pathlib import Path

import pytest
from httpx2 import Response

from project.records.adapters import AdapterVersion
from project.records.data import EvidencePassage
from project.records.events import BallotCast, VotesAsked
from project.records.record import short
from registry.ballots.casting import comment_text
from registry.ballots.sheets import open_sheet
from registry.ballots.standing import read_votes
from registry.store import Registry
from review.page_server import create_app
from review.site import Site
from tests.places import submit
from tests.review.conftest import Browser, Browsers, post
from tests.voting_sheets import (
    all_vote,
    look_at_sealed,
    named,
    opened,
    sheet_of,
    vote_for,
    voting_pair,
)

HIDDEN = re.compile(r'name="shown" value="(\d+)"')


@pytest.fixture
def version(registry: Registry, tmp_path: Path) -> AdapterVersion:
    return submit(registry, "a", tmp_path)


@pytest.fixture
def asked(registry: Registry, version: AdapterVersion) -> VotesAsked:
    return opened(registry, version)


def shown(page: Response) -> str:
    found = HIDDEN.search(page.text)
    assert found, page.text
    return found[1]


def vote(client: Browser, choice: str = "left", **fields: object) -> Response:
    return post(client, "/vote/1", shown=shown(client.get("/vote/1")), choice=choice, **fields)


def cast(registry: Registry) -> list[BallotCast]:
    return [event.told(BallotCast) for event in registry.history(kind="vote")]


def test_a_whole_sheet_is_voted_on_and_the_page_says_when_it_is_done(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    for choice in ("left", "right", "tie"):
        answer = vote(client, choice)
        assert (answer.status_code, answer.headers["location"]) == (303, "/vote/1")
    assert "Done, thank you" in client.get("/vote/1").text
    assert [one.choice for one in cast(registry)] == ["left", "right", "tie"]
    assert len({one.item for one in cast(registry)}) == 3
    assert {event.actor for event in registry.history(kind="vote")} == {"ann"}


def test_an_item_is_on_record_before_it_is_shown(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    client.get("/vote/1")
    client.get("/vote/1")
    (event,) = registry.history(kind="show")
    assert event.actor == "ann"


def test_nothing_on_the_page_tells_which_answer_is_whose(
    client: Browser, asked: VotesAsked, version: AdapterVersion, registry: Registry
) -> None:
    all_vote(registry, 1, asked.sheet, ["bob"], "base")  # others have voted already
    for page in (client.get("/vote/1").text, client.get("/api/vote/1/next").text):
        for name in (short(version.adapter.files), version.adapter.files, "base", "champion"):
            assert name not in page.replace("Challenger", "")
        assert "bob" not in page
        assert "digest" not in page
        assert asked.sheet not in page


def test_the_sides_are_drawn_by_lot_and_stay_when_the_page_is_loaded_again(
    registry: Registry, version: AdapterVersion, browser: Browsers
) -> None:
    opened(registry, version, items=1)
    first = []
    for name in "abcdefghijklmnop":
        page = browser(name).get("/vote/1").text
        assert browser(name).get("/vote/1").text.count("the new answer") == 1
        first.append(page.index("the new answer") < page.index("the old answer"))
        again = browser(name).get("/vote/1").text
        assert (again.index("the new answer") < again.index("the old answer")) == first[-1]
    assert {True, False} == set(first)


def test_a_vote_survives_a_reload_and_a_server_restart(
    client: Browser, asked: VotesAsked, site: Site
) -> None:
    vote(client)
    before = shown(client.get("/vote/1"))
    restarted = Browser(create_app(site), "ann")
    page = restarted.get("/vote/1")
    assert shown(page) == before
    assert "1 of 3" in page.text


def test_a_form_that_is_sent_twice_is_one_ballot(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    seq = shown(client.get("/vote/1"))
    answers = [post(client, "/vote/1", shown=seq, choice=one) for one in ("left", "right")]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert [one.choice for one in cast(registry)] == ["left"]


def test_two_reviewers_vote_on_the_same_items_at_once(
    browser: Browsers, asked: VotesAsked, registry: Registry
) -> None:
    ann, bob = browser("ann"), browser("bob")
    for _ in range(3):
        forms = [(one, shown(one.get("/vote/1"))) for one in (ann, bob)]
        for one, seq in forms:
            assert post(one, "/vote/1", shown=seq, choice="tie").status_code == 303
    assert len(cast(registry)) == 6


def test_nobody_votes_with_what_another_was_shown(browser: Browsers, asked: VotesAsked) -> None:
    seq = shown(browser("ann").get("/vote/1"))
    answer = post(browser("bob"), "/vote/1", shown=seq, choice="left")
    assert answer.status_code == 409
    assert "was not shown to you" in answer.text


def test_the_last_vote_is_taken_back_and_its_item_comes_again(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    first = shown(client.get("/vote/1"))
    vote(client)
    page = client.get("/vote/1")
    (ballot,) = re.findall(r'name="ballot" value="(\d+)"', page.text)
    assert post(client, "/vote/1/undo", ballot=ballot).status_code == 303
    assert shown(client.get("/vote/1")) == first
    assert post(client, "/vote/1/undo", ballot=ballot).status_code == 409
    assert not list(read_votes(registry, 1).standing(asked.sheet))


def test_two_who_disagree_are_followed_by_a_third(
    browser: Browsers, asked: VotesAsked, registry: Registry, version: AdapterVersion
) -> None:
    label = short(version.adapter.files)
    all_vote(registry, 1, asked.sheet, ["ann"], label)
    vote_for(named(registry, "bob"), 1, asked.sheet, "i0", "base")
    for item in ("i1", "i2"):
        vote_for(named(registry, "bob"), 1, asked.sheet, item, label)
    assert "Done, thank you" in browser("ann").get("/vote/1").text
    cat = browser("cat")
    assert "what about i0?" in cat.get("/vote/1").text
    vote(cat)
    assert cast(registry)[-1].adjudication == 1
    assert "Nothing is left to vote on" in browser("dan").get("/vote/1").text


def test_what_differs_is_marked_on_demand(client: Browser, asked: VotesAsked) -> None:
    assert "<mark>" not in client.get("/vote/1").text
    marked = client.get("/vote/1?marked=1").text
    assert "<mark>new </mark>" in marked
    assert "<mark>old </mark>" in marked


def test_marks_lose_nothing_that_was_typed_and_are_no_vote(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    seq = shown(client.get("/vote/1"))
    typed = {"shown": seq, "comment": "so\r\nrude", "polite_left": "5"}
    page = post(client, "/vote/1/marks", mark="1", **typed)
    assert page.status_code == 200
    assert "<mark>new </mark>" in page.text
    assert "so\r\nrude</textarea>" in page.text
    assert '<option value="5" selected>' in page.text
    assert shown(page) == seq
    assert "<mark>" not in post(client, "/vote/1/marks", mark="0", **typed).text
    assert cast(registry) == []


def test_marks_stay_on_for_the_next_item(client: Browser, asked: VotesAsked) -> None:
    assert '<input type="hidden" name="marked" value="1">' in client.get("/vote/1?marked=1").text
    answer = vote(client, part="dev", marked="1")
    assert answer.headers["location"] == "/vote/1?part=dev&marked=1"
    assert "<mark>" in client.get(answer.headers["location"]).text


def test_what_was_typed_on_another_item_is_not_put_beside_this_one(
    client: Browser, asked: VotesAsked
) -> None:
    seq = shown(client.get("/vote/1"))
    vote(client)
    page = post(client, "/vote/1/marks", mark="1", shown=seq, comment="about the first")
    assert "about the first" not in page.text


def test_who_decides_is_led_to_how_the_votes_stand(
    client: Browser, asked: VotesAsked, browser: Browsers
) -> None:
    for path in ("/vote/1", "/review/1"):
        assert '"/votes/1"' in client.get(path).text
    Path("roles.yaml").write_text("promote: [carol]\nadminister: [dan]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    assert '"/votes/1"' in browser("dan").get("/review/1/votes").text
    for path in ("/vote/1", "/review/1"):
        assert '"/votes/1"' not in browser("ann").get(path).text


def test_votes_on_dev_are_said_to_decide_nothing(client: Browser, asked: VotesAsked) -> None:
    for path in ("/review/1", "/review/1/votes", "/votes/1"):
        assert "decide nothing" in client.get(path).text


def test_keys_1_to_4_vote_and_can_be_turned_off(client: Browser, asked: VotesAsked) -> None:
    page = client.get("/vote/1").text
    keys = re.findall(r'name="choice" value="(\w+)" data-key="(\d)"', page)
    assert keys == [("left", "1"), ("right", "2"), ("tie", "3"), ("both_bad", "4")]
    assert "data-keys" in page
    assert "[data-keys]" in client.get("/assets/review.js").text


def test_a_rating_and_a_comment_are_kept(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    vote(client, polite_left="5", polite_right="2", comment=" rude\r\nat the end ")
    (ballot,) = cast(registry)
    assert ballot.rubric is not None
    assert (ballot.rubric["polite"].left, ballot.rubric["polite"].right) == (5, 2)
    assert comment_text(registry.artifacts, ballot) == "rude\nat the end"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"polite_left": "5"}, 400),
        ({"polite_left": "6", "polite_right": "1"}, 422),
        ({"comment": "x" * 2001}, 400),
        ({"comment": "x" * 5000}, 422),
        ({"choice": "mine"}, 422),
        ({"shown": "0"}, 422),
        ({"shown": "99999999999999999999"}, 422),
        ({"shown": "nonsense"}, 422),
    ],
)
def test_what_is_no_vote_is_refused(
    client: Browser, asked: VotesAsked, registry: Registry, fields: dict[str, str], status: int
) -> None:
    form = {"shown": shown(client.get("/vote/1")), "choice": "left"} | fields
    assert post(client, "/vote/1", **form).status_code == status
    assert cast(registry) == []


@pytest.mark.parametrize(
    "path", ["/vote/7", "/vote/0", "/vote/x", "/votes/7", "/vote/1?part=sealed"]
)
def test_what_is_not_there_is_no_failure(client: Browser, asked: VotesAsked, path: str) -> None:
    assert client.get(path).status_code in (404, 422)


def test_a_version_that_nobody_was_asked_about_has_no_voting_page(
    client: Browser, version: AdapterVersion
) -> None:
    assert client.get("/vote/1").status_code == 404
    assert client.get("/votes/1").status_code == 404
    assert client.get("/api/votes/1").status_code == 404


def test_who_may_not_vote_sees_no_answers(
    client: Browser, asked: VotesAsked, registry: Registry
) -> None:
    Path("roles.yaml").write_text("vote: [bob]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    for path in ("/vote/1", "/api/vote/1/next"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "answer to i" not in answer.text
    assert registry.history(kind="show") == []


def test_who_only_votes_does_not_see_how_the_votes_stand(
    browser: Browsers, asked: VotesAsked
) -> None:
    Path("roles.yaml").write_text("promote: [bob]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    for path in ("/votes/1", "/api/votes/1"):
        assert browser("ann").get(path).status_code == 403
        assert browser("bob").get(path).status_code == 200


def test_who_decides_sees_how_the_votes_stand_and_who_cast_them(
    client: Browser, asked: VotesAsked, registry: Registry, version: AdapterVersion
) -> None:
    all_vote(registry, 1, asked.sheet, ["ann", "bob"], short(version.adapter.files))
    report = client.get("/api/votes/1").json()
    live = report["live"]
    assert (live["votes"], live["closed"], live["items"], live["reviewers"]) == (6, 3, 3, 2)
    assert live["estimate"] == 1.0
    assert [one["name"] for one in report["reviewers"]] == ["ann", "bob"]
    page = client.get("/votes/1").text
    assert "votes of 2 reviewers" in page
    assert "decide nothing" in page


def test_sealed_items_come_first_where_people_decide(
    client: Browser, asked: VotesAsked, registry: Registry, version: AdapterVersion
) -> None:
    look = look_at_sealed(registry, version)
    pairs = [p.model_copy(update={"prompt": "sealed?"}) for p in sheet_of(version, 2)]
    open_sheet(registry, 1, pairs, part="sealed", votes=1, reason="r", look=look)
    assert "sealed?" in client.get("/vote/1").text
    assert "sealed?" not in client.get("/vote/1?part=dev").text


def test_programs_vote_too(client: Browser, asked: VotesAsked, registry: Registry) -> None:
    found = client.get("/api/vote/1/next").json()
    assert (found["done"], found["left"], found["part"]) == (0, 3, "dev")
    body = {"shown": found["item"]["shown"], "choice": "both_bad"}
    headers = {"X-CSRF-Token": client.csrf}
    taken = client.post("/api/vote/1", json=body, headers=headers)
    assert taken.status_code == 200
    assert client.post("/api/vote/1", json=body, headers=headers).status_code == 409
    assert client.post("/api/vote/1/undo", json=taken.json(), headers=headers).status_code == 200
    assert not list(read_votes(registry, 1).standing(asked.sheet))


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e"


def test_answers_prompts_passages_and_names_are_text(
    registry: Registry, version: AdapterVersion, browser: Browsers
) -> None:
    texts = (HOSTILE, HOSTILE + "b")
    pair = voting_pair("i0", short(version.adapter.files), texts=texts)
    passage = EvidencePassage(id="1", text=f"The fee is 9. {HOSTILE}", source=HOSTILE)
    pairs = [pair.model_copy(update={"prompt": HOSTILE, "evidence": (passage,)})]
    open_sheet(registry, 1, pairs, part="dev", votes=2, reason=HOSTILE)
    client = browser("<b>eve</b>")
    for path in ("/vote/1", "/vote/1?marked=1"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "<b>[1]</b>" in page and "The fee is 9." in page
    told = client.get("/api/vote/1/next").json()["item"]["evidence"]
    assert [one["text"] for one in told] == [passage.text]
    vote(client, comment=HOSTILE)
    page = client.get("/votes/1").text
    for written in ("<b>eve", "<script>alert"):
        assert written not in page
        assert written.replace("<", "&lt;").replace(">", "&gt;") in page


def test_comments_on_dev_are_read_where_the_votes_are(
    client: Browser, asked: VotesAsked, browser: Browsers
) -> None:
    vote(browser("bob"), comment="both invent a fee")
    page = client.get("/votes/1").text
    assert "both invent a fee" in page
    (written,) = client.get("/api/votes/1").json()["comments"]
    assert (written["reviewer"], written["text"]) == ("bob", "both invent a fee")


def test_comments_on_sealed_items_are_shown_to_nobody(
    client: Browser, registry: Registry, version: AdapterVersion
) -> None:
    pairs, look = sheet_of(version, 3), look_at_sealed(registry, version)
    open_sheet(registry, 1, pairs, part="sealed", votes=1, reason="r", look=look)
    vote(client, comment="the answer to i0 invents a fee")
    assert "invents a fee" not in client.get("/votes/1").text
    assert client.get("/api/votes/1").json()["comments"] == []
