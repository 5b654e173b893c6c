"""Votes counted into a decision from the page, and how they stand meanwhile."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.decision.rule import rule
from evaluation.preference.ballots.ballot_files import draw_chances, judged_pairs
from project.errors import IncumbentError
from project.records.evidence import Verdict
from project.records.record import short, write_records
from registry.audit import problems
from registry.ballots.casting import show
from registry.ballots.open_votes import open_votes
from registry.ballots.sheets import open_sheet
from registry.ballots.standing import read_votes
from registry.roles import Roles
from registry.store import Registry
from review.voting.blinding import count_votes
from review.voting.live import live_votes
from tests.evaluation.test_decision import calibration
from tests.evaluation.test_registry_ballots import POLICY, OpenLook
from tests.places import submit
from tests.review.conftest import Browser, Browsers, post
from tests.voting_sheets import all_vote, named, opened, sheet_of, vote_for


@pytest.fixture
def look(registry: Registry, tmp_path: Path) -> OpenLook:
    """An open look with the decision that was made at once, when nobody had voted."""
    Path("params.yaml").write_text("registry: {family: test}\n")
    found = OpenLook(registry, submit(registry, "a", tmp_path), votes=1)
    keep(registry, found)
    return found


def keep(registry: Registry, found: OpenLook) -> None:
    known = calibration(source="ballots", votes=1)  # of ballots in a file, by the pipeline
    evidence = found.stored.model_copy(update={"calibration": known})
    decision = rule(evidence, POLICY, found.look.number, found.look.budget)
    registry.record_decision(1, decision, evidence, POLICY)


def test_votes_are_counted_at_the_look_that_waits_for_them(
    registry: Registry, look: OpenLook
) -> None:
    before = registry.decision(1)
    all_vote(registry, 1, look.sheet, ["ann"], look.label)
    decision = count_votes(registry, 1)
    assert before is not None
    assert (before.verdict, decision.verdict) == (Verdict.HOLD, Verdict.PROMOTE)
    assert (decision.opening, decision.alpha) == (before.opening, before.alpha)
    assert registry.decision(1) == decision
    assert len(registry.history(kind="open")) == 1
    assert list(problems(registry)) == []
    assert registry.promote(1, "people prefer it").number == 1


def test_who_may_not_submit_counts_nothing(registry: Registry, look: OpenLook) -> None:
    with pytest.raises(IncumbentError, match="eve may not submit"):
        count_votes(named(registry, "eve", Roles(submit=("ann",))), 1)


def test_votes_on_dev_are_counted_in_nothing(registry: Registry, tmp_path: Path) -> None:
    opened(registry, submit(registry, "a", tmp_path))
    with pytest.raises(IncumbentError, match="no look at sealed items is open for votes"):
        count_votes(registry, 1)


@pytest.mark.parametrize(
    ("settle", "why"),
    [
        (lambda registry: registry.reject(1, "impolite"), "was rejected"),
        (lambda registry: registry.promote(1, "now", force=True), "is the champion already"),
        (lambda registry: registry.delete(1, "not needed"), "was deleted"),
    ],
)
def test_what_a_person_has_settled_is_counted_no_more(
    registry: Registry, look: OpenLook, settle: Callable[[Registry], object], why: str
) -> None:
    settle(registry)
    with pytest.raises(IncumbentError, match=why):
        count_votes(registry, 1)


def test_the_page_offers_the_count_and_leads_to_the_review(
    client: Browser, registry: Registry, look: OpenLook
) -> None:
    all_vote(registry, 1, look.sheet, ["bob"], look.label)
    assert "Count the votes into the decision" in client.get("/votes/1").text
    answer = post(client, "/vote/1/count")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/1")
    event = registry.newest_event(1, "decide")
    assert event is not None
    assert event.actor == "ann"


def test_live_votes_say_how_many_more_settle_it(registry: Registry, look: OpenLook) -> None:
    found = live_votes(registry, 1)
    assert found is not None
    assert (found.votes, found.estimate, found.text) == (0, None, "No votes so far.")
    for n in range(6):
        look.vote("ann", f"i{n}", look.label if n % 3 else "base")
    found = live_votes(registry, 1)
    assert found is not None
    assert found.estimate == pytest.approx(4 / 6)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 4 / 6 < found.upper
    assert found.text.startswith("6 items have all their votes; ")


def test_live_votes_count_items_and_not_ballots_and_tell_how_far_reviewers_agree(
    registry: Registry, tmp_path: Path
) -> None:
    Path("params.yaml").write_text("registry: {family: test}\n")
    look = OpenLook(registry, submit(registry, "a", tmp_path), votes=2)
    for n in range(6):
        for who in ("ann", "bob"):
            look.vote(who, f"i{n}", look.label if n % 2 else "base")
    live = live_votes(registry, 1)
    assert live is not None
    assert (live.votes, live.closed, live.reviewers, live.agreement) == (12, 6, 2, 1.0)
    assert live.text.startswith("6 items have all their votes; ")


def test_who_submits_alone_counts_the_votes_and_learns_no_names(
    browser: Browsers, registry: Registry, look: OpenLook
) -> None:
    Path("roles.yaml").write_text("submit: [sam]\npromote: [carol]\n")
    Path("params.yaml").write_text("registry: {family: test, roles: roles.yaml}\n")
    all_vote(registry, 1, look.sheet, ["bob"], look.label)
    sam = browser("sam")
    assert '"/votes/1"' in sam.get("/review/1").text
    page = sam.get("/votes/1").text
    assert "Count the votes into the decision" in page
    assert "bob" not in page
    told = sam.get("/api/votes/1").json()
    assert (told["reviewers"], told["comments"], told["live"]["votes"]) == (None, None, 12)
    assert sam.send_form("/vote/1/count").status_code == 303
    assert browser("ann").get("/votes/1").status_code == 403


def test_a_judge_that_agrees_with_people_is_part_of_the_estimate(
    registry: Registry, tmp_path: Path
) -> None:
    Path("params.yaml").write_text("registry: {family: test}\n")
    version = submit(registry, "a", tmp_path)
    label, judge = short(version.adapter.files), [0.2 + 0.6 * (n % 2) for n in range(40)]
    pairs = judged_pairs(sheet_of(version, 40), judge, draw_chances(judge))
    asked = open_sheet(registry, 1, pairs, part="dev", votes=1, reason="r")
    (sheet,) = asked.detail.kept()
    for n, pair in enumerate(pairs):
        vote_for(named(registry, "ann"), 1, sheet, pair.item, label if n % 2 else "base")
    found = live_votes(registry, 1)
    assert found is not None
    assert found.judged
    assert found.estimate == pytest.approx(0.5, abs=0.1)


def test_how_the_votes_stand_is_computed_once_and_anew_after_a_vote(
    registry: Registry, look: OpenLook
) -> None:
    look.vote("ann", "i0", look.label)
    first = live_votes(registry, 1)
    show(named(registry, "ann"), 1, look.sheet, "i1")  # changes no vote
    assert live_votes(registry, 1) is first
    waiting = open_votes(registry)
    look.vote("ann", "i1", "base")
    found = live_votes(registry, 1)
    assert first is not None
    assert found is not None
    assert (first.votes, found.votes) == (1, 2)
    assert open_votes(registry)[0].needed == waiting[0].needed - 1


def test_a_changed_file_of_ballots_is_read_anew(registry: Registry, look: OpenLook) -> None:
    look.vote("ann", "i0", look.label)
    (cast,) = [one.ballot for one in read_votes(registry, 1).standing(look.sheet)]
    path = Path("datasets/ballots/votes.jsonl")
    path.parent.mkdir(parents=True)
    Path("params.yaml").write_text(
        f"registry: {{family: test}}\n"
        f"evaluation: {{preference: {{source: ballots, ballots: {path}}}}}\n"
    )
    for votes in (2, 3):
        names = [f"somebody {n}" for n in range(1, votes)]
        write_records(path, [cast.model_copy(update={"reviewer": name}) for name in names])
        found = live_votes(registry, 1)
        assert found is not None
        assert found.votes == votes
