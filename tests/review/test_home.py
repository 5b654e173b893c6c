"""The home page: what needs a person first, then where the project stands."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from monitoring.duties import waiting_reviews
from monitoring.scheduling.heartbeats import Heartbeat, beat
from monitoring.scheduling.runs import claim, fail, finish
from project.records.drift import Action, DriftState, DriftVerdict, Night
from project.records.events import VotesAsked
from project.records.evidence import Evidence, Verdict
from project.settings import PARAMS
from registry.ballots.sheets import open_sheet
from registry.roles import Roles
from registry.storage.database import writing
from registry.store import Registry
from review.data_pages.waiting import QUEUE, Waiting
from review.home_page import waiting_data
from review.quality_chart import panels, quality
from tests.conftest import decision_on, keep_decision
from tests.evaluation.test_registry_ballots import OpenLook
from tests.nights import night_of
from tests.places import START, decide, evidence_on, submit, win
from tests.review.conftest import Browser, Browsers
from tests.review.test_dossier import measured
from tests.review.test_voting_count import keep as keep_undecided
from tests.voting_sheets import all_vote, look_at_sealed, named, opened, sheet_of, vote_for

SCRIPT = "<script>alert(1)</script>"


def test_an_empty_project_says_what_to_type_next(client: Browser) -> None:
    page = client.get("/").text
    assert "incumbent run" in page
    assert "a challenger has to beat the bare base model" in page


def test_a_winner_waits_for_a_person_on_top(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    decide(registry, submit(registry, "b", tmp_path))
    page = client.get("/").text
    assert "v2 won and waits for a person" in page
    assert page.index("/review/2") < page.index("Champion</h2>")


def test_what_is_settled_waits_for_nobody(registry: Registry, tmp_path: Path) -> None:
    win(registry, "a", tmp_path)
    win(registry, "b", tmp_path)  # displaces a
    registry.rollback("worse in use")
    rejected = decide(registry, submit(registry, "c", tmp_path))
    registry.reject(rejected.number, "no")
    deleted = decide(registry, submit(registry, "d", tmp_path))
    registry.delete(deleted.number, "not needed")
    decide(registry, submit(registry, "e", tmp_path), Verdict.HOLD)
    submit(registry, "f", tmp_path)
    assert waiting_reviews(registry, 10).total == 0


def test_only_the_newest_that_wait_are_read(registry: Registry, tmp_path: Path) -> None:
    for name in "abc":
        decide(registry, submit(registry, name, tmp_path))
    found = waiting_reviews(registry, 2)
    assert (found.total, [one.version.number for one in found.newest]) == (3, [3, 2])


def test_a_win_over_an_earlier_champion_is_to_be_compared_again(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    decide(registry, submit(registry, "a", tmp_path))
    win(registry, "b", tmp_path)
    page = client.get("/").text
    assert "1 other version won, against another champion" in page
    assert "incumbent registry reevaluate V" in page
    assert "/review/1" not in page


def test_the_champion_stands_with_who_made_it_that_and_why(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    version = submit(registry, "a", tmp_path)
    registry.promote(version.number, "an <b>emergency</b>", force=True)
    champion = client.get("/api/home").json()["champion"]
    assert (champion["how"], champion["by"], champion["displaced"]) == ("force", "tester", None)
    page = client.get("/").text
    assert "an &lt;b&gt;emergency&lt;/b&gt;" in page
    assert "forced" in page


# --- quality over time --------------------------------------------------------------------------


def win_by(registry: Registry, name: str, folder: Path, diff: float) -> Evidence:
    """A promotion whose evidence says by how much."""
    version = submit(registry, name, folder)
    plain = evidence_on(registry, version)
    evidence = plain.model_copy(update={"sealed": {"rougeL": measured(diff)}})
    decision = decision_on(evidence, Verdict.PROMOTE)
    keep_decision(registry, version.number, decision, evidence, evidence.pins)
    registry.promote(version.number, f"{name} won")
    return evidence


def test_each_promotion_is_a_point_with_its_interval(registry: Registry, tmp_path: Path) -> None:
    win_by(registry, "a", tmp_path, 0.1)
    win_by(registry, "b", tmp_path, 0.01)
    found = quality(registry)
    (panel,) = panels(found)
    assert found.metrics == ("rougeL",)
    assert [mark.name for mark in panel.marks] == ["v1", "v2"]
    assert [mark.tone for mark in panel.marks] == ["good", "soft"]  # the second one's holds zero
    first = panel.marks[0]
    assert first.reach
    zero = panel.levels[-1]
    assert first.reach[0] < first.y < first.reach[1] < zero.y
    assert (zero.kind, zero.text) == ("zero", "0")


def test_a_rollback_is_in_the_chart_too(registry: Registry, tmp_path: Path) -> None:
    win_by(registry, "a", tmp_path, 0.1)
    win_by(registry, "b", tmp_path, 0.1)
    registry.rollback("worse in use")
    marks = panels(quality(registry))[0].marks
    assert [mark.shape for mark in marks] == ["dot", "dot", "cross"]
    assert "rolled back to v1" in marks[-1].label


def test_evidence_that_is_gone_is_said_and_nothing_else_suffers(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    evidence = win_by(registry, "a", tmp_path, 0.1)
    registry.artifacts.blobs.delete(evidence.digest)
    answer = client.get("/")
    assert answer.status_code == 200
    assert "is missing from" in answer.text


# --- nights -------------------------------------------------------------------------------------

FIRST_NIGHT = date(2026, 1, 1)


def night(day: date, verdict: DriftVerdict, state: DriftState) -> Night:
    return night_of("test", day, rows=100, units=50, verdict=verdict, state=state)


def keep(registry: Registry, day: date, kept: Night | str) -> None:
    """A finished night; of a text, one that failed for that reason."""
    lease = timedelta(hours=1)
    own = claim(registry.engine, "nightly test", day, "here", START, lease)
    assert own is not None
    with writing(registry.engine) as connection:
        if isinstance(kept, str):
            fail(connection, own, START, kept, None)
        else:
            finish(connection, own, START, kept.canonical().decode())


def test_the_last_fourteen_nights_are_shown_the_newest_first(
    client: Browser, registry: Registry
) -> None:
    for number in range(16):
        day = FIRST_NIGHT + timedelta(days=number)
        keep(registry, day, night(day, DriftVerdict.NO_DRIFT, DriftState.OK))
    nights = client.get("/api/home").json()["nights"]
    assert len(nights) == 14
    assert nights[0]["date"] == "2026-01-16"


def test_confirmed_drift_and_failed_nights_need_a_person(
    client: Browser, registry: Registry
) -> None:
    keep(registry, FIRST_NIGHT, f"no traffic {SCRIPT}")
    day = FIRST_NIGHT + timedelta(days=1)
    keep(registry, day, night(day, DriftVerdict.DRIFT, DriftState.CONFIRMED))
    page = client.get("/").text
    assert "Drift is confirmed" in page
    (told,) = (t["detail"] for t in client.get("/api/home").json()["tasks"] if t["kind"] == "drift")
    assert told.endswith(".") and "; " not in told
    assert "The night of 2026-01-01 was given up" in page
    assert 'href="/nights/2026-01-02"' in page
    assert SCRIPT not in page


def test_a_verification_that_was_given_up_needs_a_person_too(
    client: Browser, registry: Registry
) -> None:
    lease = timedelta(hours=1)
    run = claim(registry.engine, "verify test", FIRST_NIGHT, "here", START, lease)
    assert run is not None
    with writing(registry.engine) as connection:
        fail(connection, run, START, "the disk is gone", None)
    (task,) = client.get("/api/home").json()["tasks"]
    told = (task["kind"], task["text"], task["detail"], task["link"])
    text = "The verification of 2026-01-01 was given up"
    assert told == ("failed", text, "the disk is gone", "/verify")


@pytest.mark.parametrize(
    ("states", "action"),
    [
        ([DriftState.ACT], Action.RETRAIN),
        ([DriftState.CONFIRMED, DriftState.OK], Action.NONE),
    ],
    ids=["a retrain answers it", "it has faded"],
)
def test_drift_that_is_answered_or_has_faded_needs_nobody(
    client: Browser, registry: Registry, states: list[DriftState], action: Action
) -> None:
    for number, state in enumerate(states):
        day = FIRST_NIGHT + timedelta(days=number)
        verdict = DriftVerdict.NO_DRIFT if state is DriftState.OK else DriftVerdict.DRIFT
        keep(registry, day, night(day, verdict, state).model_copy(update={"action": action}))
    assert client.get("/api/home").json()["tasks"] == []


REFUSED = "datasets/<traffic> is another folder"


@pytest.mark.parametrize(
    ("seen", "alive", "next_at", "refuses"),
    [
        ("2026-01-01", True, "2026-01-02T03:00:00.000Z", None),
        ("2025-12-31", False, None, REFUSED),
    ],
)
def test_a_scheduler_says_what_it_does_next_and_refuses_or_is_missed(
    client: Browser,
    registry: Registry,
    seen: str,
    alive: bool,
    next_at: str | None,
    refuses: str | None,
) -> None:
    heartbeat = Heartbeat(
        holder="host<1>",
        at=f"{seen}T00:00:00.000Z",
        doing=None,
        next_job="nightly test",
        next_at=next_at,
        refuses=refuses,
    )
    beat(registry.engine, heartbeat)
    page = client.get("/").text
    assert "next nightly test" in page
    assert ("next nightly test at" in page) == bool(next_at)
    assert "host&lt;1&gt;" in page
    assert ("No scheduler has been seen" in page) is not alive
    told = "Refuses: datasets/&lt;traffic&gt; is another folder"
    assert [told in page, "Refuses: " in page] == [bool(refuses)] * 2
    (line,) = client.get("/api/home").json()["schedulers"]
    assert line["refuses"] == refuses
    assert str(heartbeat).endswith(f"; refuses: {REFUSED}") == bool(refuses)


# --- votes and data -----------------------------------------------------------------------------


def ask_about_sealed(registry: Registry, folder: Path, name: str = "a", items: int = 2) -> str:
    """The sheet of sealed items on which two people each are to vote."""
    version = submit(registry, name, folder)
    look = look_at_sealed(registry, version)
    pairs = sheet_of(version, items)
    asked = open_sheet(
        registry, version.number, pairs, part="sealed", votes=2, reason="submitted", look=look
    )
    return asked.told(VotesAsked).sheet


def tasks_for(client: Browser) -> list[tuple[str, str]]:
    return [(task["text"], task["link"]) for task in client.get("/api/home").json()["tasks"]]


def test_votes_that_a_decision_waits_for_need_a_person(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    ask_about_sealed(registry, tmp_path)
    assert tasks_for(client) == [("v1 needs 4 more votes", "/vote/1")]


def test_who_has_voted_on_all_is_told_and_not_asked_again(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    sheet = ask_about_sealed(registry, tmp_path)
    vote_for(named(registry, "ann"), 1, sheet, "i0", None)
    assert tasks_for(browser("ann")) == [("v1 needs 3 more votes", "/vote/1")]
    vote_for(named(registry, "ann"), 1, sheet, "i1", None)
    vote_for(named(registry, "bob"), 1, sheet, "i1", None)  # i1 has what it needs
    assert tasks_for(browser("ann")) == [("v1 needs 1 more vote", "/review/1")]
    assert "you have voted on all" in browser("ann").get("/").text
    assert tasks_for(browser("bob")) == [("v1 needs 1 more vote", "/vote/1")]
    assert tasks_for(browser("cid")) == [("v1 needs 1 more vote", "/vote/1")]


def test_an_item_that_closed_on_a_screen_is_neither_asked_nor_waits(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    sheet = ask_about_sealed(registry, tmp_path, items=1)
    dan = browser("dan")
    assert dan.get("/api/vote/1/next").json()["item"]
    for who in ("ann", "bob"):
        vote_for(named(registry, who), 1, sheet, "i0", None)
    assert tasks_for(dan) == []
    assert dan.get("/api/vote/1/next").json()["item"] is None


def test_whoever_submitted_is_told_that_other_people_vote(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    ask_about_sealed(named(registry, "sam"), tmp_path)
    PARAMS.write_text("registry: {family: test, four_eyes: true}\n")
    assert tasks_for(browser("sam")) == [("v1 needs 4 more votes", "/review/1")]
    page = browser("sam").get("/").text
    assert "other people vote, as you submitted it" in page
    assert "you have voted" not in page


def test_votes_that_are_in_wait_to_be_counted_by_whoever_may(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    Path("roles.yaml").write_text("submit: [ann]\nvote: everybody\npromote: [bob]\n")
    PARAMS.write_text("registry: {family: test, roles: roles.yaml}\n")
    look = OpenLook(registry, submit(registry, "a", tmp_path), votes=1)
    keep_undecided(registry, look)
    all_vote(registry, 1, look.sheet, ["cid"], look.label)
    text = "v1 has its votes, and they wait to be counted"
    shown = {name: tasks_for(browser(name)) for name in ("ann", "bob", "cid")}
    assert shown == {"ann": [(text, "/votes/1")], "bob": [(text, "/votes/1")], "cid": []}
    assert "Whoever may submit counts them: ann" in browser("bob").get("/").text
    told = "Whoever may submit counts the votes into the decision: ann."
    assert [told in browser(name).get("/votes/1").text for name in ("ann", "bob")] == [False, True]
    assert text in browser("bob").get("/families").text
    browser("ann").send_form("/vote/1/count")
    assert text not in browser("ann").get("/").text + browser("ann").get("/families").text


def test_all_families_say_what_the_family_s_own_page_says(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    ask_about_sealed(registry, tmp_path)
    assert "v1 needs 4 more votes" in client.get("/families").text


def test_all_dev_sheets_are_one_line_below_all_else(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    for name in "abc":
        sheet = opened(registry, submit(registry, name, tmp_path), items=1).sheet
    vote_for(named(registry, "ann"), 3, sheet, "i0", None)
    ask_about_sealed(registry, tmp_path, "d")
    wait_in_the_queue()
    line = "Dev answers of 3 challengers can be voted on"
    assert tasks_for(browser("ann"))[-1] == (line, "/vote/2")  # she has voted on v3
    assert tasks_for(browser("bob")) == [
        ("v4 needs 4 more votes", "/vote/4"),
        ("1 prompt to label", "/data/queue/label"),
        (line, "/vote/3"),
    ]


def test_dev_sheets_that_somebody_has_voted_on_ask_nothing_of_them(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    sheet = opened(registry, submit(registry, "a", tmp_path), items=1).sheet
    vote_for(named(registry, "ann"), 1, sheet, "i0", None)
    assert tasks_for(browser("ann")) == []
    assert "Nothing waits for you" in browser("ann").get("/").text


def test_each_task_is_shown_to_those_who_may_do_it(
    browser: Browsers, registry: Registry, tmp_path: Path
) -> None:
    decide(registry, submit(registry, "a", tmp_path))
    opened(registry, submit(registry, "b", tmp_path))
    wait_in_the_queue()
    Path("roles.yaml").write_text("vote: [ann]\npromote: [bob]\n")
    PARAMS.write_text("registry: {family: test, roles: roles.yaml}\n")
    shown = {name: [link for _, link in tasks_for(browser(name))] for name in ("ann", "bob", "cid")}
    assert shown == {
        "ann": ["/review/1", "/vote/2"],
        "bob": ["/review/1", "/data/queue/label"],
        "cid": ["/review/1"],
    }


def wait_in_the_queue() -> None:
    QUEUE.mkdir(parents=True)
    (QUEUE / "labels.json").write_text('[{"data": {"prompt": "how?"}}]')


def test_the_first_page_counts_what_waits_in_the_data_with_links(client: Browser) -> None:
    wait_in_the_queue()
    assert tasks_for(client) == [("1 prompt to label", "/data/queue/label")]
    waiting = Waiting(failed_checks=0, waivers_ending=1, synthetic=0, labels=1200, corrections=0)
    assert [(task.text, task.link) for task in waiting_data(waiting)] == [
        ("1 waiver ends soon", "/data/waivers"),
        ("1,200 prompts to label", "/data/queue/label"),
    ]


def test_nobody_needs_a_role_to_read(client: Browser, registry: Registry) -> None:
    Path("roles.yaml").write_text(Roles(promote=("bob",)).model_dump_json())
    assert client.get("/").status_code == 200
