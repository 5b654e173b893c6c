"""The home page: what needs a person first, then where the project stands."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from project.canonical import digest_bytes
from project.records.ballots import VotingPair
from project.records.drift import Action, DriftState, DriftVerdict, Night
from project.records.evidence import Evidence, MetricEvidence, Verdict
from project.records.record import short
from registry.ballots.sheets import open_sheet
from registry.jobs.heartbeats import Heartbeat, beat
from registry.jobs.runs import claim, fail, finish
from registry.overview.waiting_reviews import waiting_reviews
from registry.roles import Roles
from registry.storage.database import writing
from registry.store import Registry
from review.data_pages.waiting import Waiting
from review.data_pages.waiting_tasks import QUEUE
from review.home.quality import quality
from review.home.quality_chart import panels
from review.home.tasks import data
from tests.conftest import decision_on, keep_decision
from tests.places import START, decide, evidence_on, submit, win
from tests.review.conftest import Browser

SCRIPT = "<script>alert(1)</script>"


def test_an_empty_project_says_what_to_type_next(client: Browser) -> None:
    page = client.get("/").text
    assert "incumbent run" in page
    assert "the bare base model serves" in page


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
    assert "incumbent reevaluate V" in page
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


def measured(diff: float) -> MetricEvidence:
    return MetricEvidence(
        n=50,
        clusters=50,
        unjudged=0,
        champion_mean=0.5,
        challenger_mean=0.5 + diff,
        diff=diff,
        sd=0.1,
        se=0.01,
        df=49,
        wins=30,
        losses=20,
        p=0.01,
        bootstrap=(diff - 0.02, diff + 0.02),
    )


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
    assert [mark.label for mark in panel.marks] == ["v1", "v2"]
    assert [mark.tone for mark in panel.marks] == ["good", "soft"]  # the second one's holds zero
    first = panel.marks[0]
    assert first.top is not None
    assert first.bottom is not None
    assert first.top < first.y < first.bottom < panel.zero


def test_a_rollback_is_in_the_chart_too(registry: Registry, tmp_path: Path) -> None:
    win_by(registry, "a", tmp_path, 0.1)
    win_by(registry, "b", tmp_path, 0.1)
    registry.rollback("worse in use")
    marks = panels(quality(registry))[0].marks
    assert [mark.rollback for mark in marks] == [False, False, True]
    assert "rolled back to v1" in marks[-1].title


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
    return Night(
        family="test",
        date=str(day),
        champion=None,
        reference=None,
        traffic=None,
        rows=100,
        units=50,
        set_aside={},
        verdict=verdict,
        readings=(),
        topics=(),
        exemplars=(),
        new_words=(),
        state=state,
        action=Action.NONE,
        reasons=("because",),
    )


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
    assert "The night of 2026-01-01 failed" in page
    assert 'href="/nights/2026-01-02"' in page
    assert SCRIPT not in page


def test_drift_that_has_faded_needs_nobody(client: Browser, registry: Registry) -> None:
    for number, state in enumerate((DriftState.CONFIRMED, DriftState.OK)):
        day = FIRST_NIGHT + timedelta(days=number)
        keep(registry, day, night(day, DriftVerdict.NO_DRIFT, state))
    assert client.get("/api/home").json()["tasks"] == []


@pytest.mark.parametrize(("seen", "alive"), [("2026-01-01", True), ("2025-12-31", False)])
def test_a_scheduler_says_what_it_does_next_or_is_missed(
    client: Browser, registry: Registry, seen: str, alive: bool
) -> None:
    beat(
        registry.engine,
        Heartbeat(
            holder="host<1>",
            at=f"{seen}T00:00:00.000Z",
            doing=None,
            next_job="nightly test",
            next_at="2026-01-02T03:00:00.000Z",
        ),
    )
    page = client.get("/").text
    assert "next nightly test at" in page
    assert "host&lt;1&gt;" in page
    assert ("No scheduler has been seen" in page) is not alive


# --- votes and data -----------------------------------------------------------------------------


def test_votes_that_are_missing_need_a_person(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    version = submit(registry, "a", tmp_path)
    pair = VotingPair(
        item="i",
        prompt="p",
        left="base",
        right=short(version.adapter.files),
        left_text="one",
        right_text="two",
        left_answer=digest_bytes(b"one"),
        right_answer=digest_bytes(b"two"),
    )
    open_sheet(registry, 1, [pair], part="dev", votes=2, reason="submitted")
    (task,) = client.get("/api/home").json()["tasks"]
    assert (task["text"], task["link"]) == ("v1 needs 2 more votes", "/vote/1")


def test_data_that_wait_are_counted_and_linked_to_their_pages() -> None:
    waiting = Waiting(failed_checks=0, waivers_ending=1, synthetic=0, labels=1200, corrections=0)
    assert [(task.text, task.link) for task in data(waiting)] == [
        ("1 waiver ends soon", "/data/waivers"),
        ("1,200 prompts to label", "/data/queue/label"),
    ]


def test_the_first_page_counts_what_waits_in_the_data(client: Browser) -> None:
    QUEUE.mkdir(parents=True)
    (QUEUE / "labels.json").write_text('[{"data": {"prompt": "how?"}}]')
    assert [task["text"] for task in client.get("/api/home").json()["tasks"]] == [
        "1 prompt to label"
    ]


def test_nobody_needs_a_role_to_read(client: Browser, registry: Registry) -> None:
    Path("roles.yaml").write_text(Roles(promote=("bob",)).model_dump_json())
    assert client.get("/").status_code == 200
