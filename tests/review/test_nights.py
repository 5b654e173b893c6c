"""A year of nights, each night's page, and three clicks from an alarm to the rows to label."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring.night_history import check_job, nightly_of
from monitoring.scheduling.runs import claim, fail, finish
from monitoring.trigger.labels import write_queue
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome, Topic
from project.records.traffic import Traffic
from project.settings import PARAMS
from registry.storage.database import writing
from registry.store import Registry
from review.stored_nights import (
    CELL,
    GAP,
    LEFT,
    TOP,
    NightLine,
    NightStatus,
    lines_between,
    rows_on,
    year_of,
)
from tests.monitoring.test_night_report import ALARM, HOSTILE, NEW, TALLY, Outline, night
from tests.places import win
from tests.review.conftest import Browser, Browsers

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
QUEUE = Path("datasets/queue/labels.json")


class Shown(Outline):
    """A page in the frame, which has fields of forms."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "input":
            self.opened.pop()


def keep(registry: Registry, *nights: Night, job: Any = nightly_of) -> None:
    """Keep nights as the scheduler does at their end."""
    for one in nights:
        own = claim(
            registry.engine, job(one.family), date.fromisoformat(one.date), "h", NOW, timedelta(1)
        )
        assert own is not None
        with writing(registry.engine) as connection:
            finish(connection, own, NOW, one.canonical().decode())


def drifted(day: int = 2, **changed: object) -> Night:
    return night(
        day,
        DriftVerdict.DRIFT,
        **{"readings": (ALARM,), "topics": (NEW,), "state": DriftState.CONFIRMED} | changed,
    )


def queued(*prompts: str) -> None:
    rows = [
        Traffic(id=f"r{i}", at="2026-01-01T00:00:00Z", prompt=prompt, response="no", adapter="v1")
        for i, prompt in enumerate(prompts)
    ]
    write_queue(rows, QUEUE, drifted={"r0"}, since="2026-01-01")


# --- this is normal now -------------------------------------------------------------------------


def test_whoever_may_promote_accepts_a_drift_on_the_page_of_its_newest_night(
    registry: Registry, browser: Browsers, tmp_path: Path
) -> None:
    win(registry, "a", tmp_path)
    Path("roles.yaml").write_text("promote: [ann]\nvote: everybody\n")
    PARAMS.write_text("registry: {family: test, roles: roles.yaml}\n")
    days = [drifted(champion=1, date=f"2025-12-{day:02}") for day in range(2, 11)]
    keep(registry, *days, job=check_job)
    path, button = "/nights/2025-12-10", ">Accept as normal<"
    ann, bob = browser("ann"), browser("bob")
    assert button in ann.get(path).text
    assert button not in bob.get(path).text
    assert button not in ann.get("/nights/2025-12-09").text, "a later night has the drift as it is"
    assert bob.send_form(f"{path}/accept", reason="mine").status_code == 403
    refused = ann.send_form(f"{path}/accept", reason="we sell", topics="2025-12-10/7")
    assert (refused.status_code, "has 1: torch, tensor" in refused.text) == (400, True)
    for wrong in ({}, {"whole": "true", "signals": "novelty"}, {"whole": "true", "first": "x"}):
        assert ann.send_form(f"{path}/accept", reason="we sell", **wrong).status_code == 400
    assert not registry.history(kind="accept")
    days_of = {"first": "2025-12-03", "last": "2025-12-09"}
    done = ann.send_form(f"{path}/accept", reason="we sell", topics="2025-12-10/1", **days_of)
    assert (done.status_code, done.headers["location"]) == (303, f"{path}#accept")
    (event,) = registry.history(kind="accept")
    assert (event.actor, event.reason, event.version) == ("ann", "we sell", 1)
    said = "ann accepted 1 topic, as on 2025-12-03..2025-12-09; the night after 2025-12-10 freezes"
    assert said in Shown(bob.get(path).text).words
    assert "accepted a drift" in ann.get("/history").text


# --- the year -----------------------------------------------------------------------------------


def test_a_year_without_nights_says_what_to_type(client: Browser) -> None:
    page = client.get("/nights")
    assert page.status_code == 200
    assert "incumbent nightly" in page.text


def test_the_notices_are_linked_before_the_first_night_for_whoever_may_see_them(
    browser: Browsers,
) -> None:
    Path("roles.yaml").write_text("administer: [ann]\n")
    PARAMS.write_text("registry: {family: test, roles: roles.yaml}\n")
    for path in ("/nights", "/"):
        assert 'href="/deliveries"' in browser("ann").get(path).text
        assert 'href="/deliveries"' not in browser("bob").get(path).text


def test_each_night_is_a_link_with_words_and_alarms_have_a_letter(
    registry: Registry, client: Browser
) -> None:
    keep(registry, night(1), drifted(2), night(3, DriftVerdict.INSUFFICIENT))
    html = client.get("/nights").text
    assert 'href="/nights/2026-01-02" aria-label="2026-01-02: drift, confirmed"' in html
    assert 'aria-hidden="true">D</text>' in html
    assert 'aria-hidden="true">?</text>' in html
    assert "2026: 3 nights, 1 with drift" in Shown(html).words


def test_a_calendar_has_a_column_a_week_from_monday_on() -> None:
    year = year_of(2026, ())
    assert len(year.squares) == 365
    first, fifth = year.squares[0], year.squares[4]  # a Thursday, and the Monday after it
    assert (first.x, first.y) == (LEFT, TOP + 3 * (CELL + GAP))
    assert (fifth.x, fifth.y) == (LEFT + CELL + GAP, TOP)


@pytest.mark.parametrize("number", [1970, 2024, 9998])
def test_every_year_can_be_laid_out(number: int) -> None:
    assert len(year_of(number, ()).squares) in (365, 366)


def test_the_years_with_nights_can_be_chosen(registry: Registry, client: Browser) -> None:
    keep(registry, night(1, date="2024-12-31"), night(1))
    html = client.get("/nights?year=2024").text
    assert "2024: 1 night, none with drift" in Shown(html).words
    assert 'href="/nights?year=2025"' in html


@pytest.mark.parametrize("year", ["0", "99999999999999999999", "x", "2024%00"])
def test_a_year_that_is_none_is_refused(year: str, client: Browser) -> None:
    assert client.get(f"/nights?year={year}").status_code == 422
    assert client.get(f"/api/nights?year={year}").status_code == 422


def test_a_night_that_failed_or_is_not_finished_says_so(
    registry: Registry, client: Browser
) -> None:
    engine, job = registry.engine, nightly_of("test")
    failed = claim(engine, job, date(2026, 1, 1), "h", NOW, timedelta(1))
    assert failed is not None
    with writing(engine) as connection:
        fail(connection, failed, NOW, "no embedder <b>", None)
    claim(engine, job, date(2026, 1, 2), "h", NOW, timedelta(1))
    lines = lines_between(engine, "test", date(2026, 1, 1), date(2026, 1, 31))
    assert [line.status for line in lines] == [NightStatus.FAILED, NightStatus.UNFINISHED]
    shown = client.get("/nights/2026-01-01").text
    assert "no embedder &lt;b&gt;" in shown
    assert "incumbent nightly --date 2026-01-01" in shown
    assert client.get("/nights/2026-01-02").status_code == 200
    assert client.get("/api/nights/2026-01-02").status_code == 404


def test_a_verdict_is_shown_while_the_night_is_still_at_its_retrain(registry: Registry) -> None:
    keep(registry, drifted(2, action=Action.RETRAIN), job=check_job)
    (line,) = lines_between(registry.engine, "test", date(2026, 1, 1), date(2026, 1, 31))
    assert (line.status, line.done) == (NightStatus.DRIFT, "a retrain")


# --- a night ------------------------------------------------------------------------------------


def test_the_verdict_and_the_duty_come_first_and_the_challenger_is_a_click_away(
    registry: Registry, client: Browser
) -> None:
    won = drifted(2, action=Action.RETRAIN, outcome=RetrainOutcome.REVIEW, challenger=4)
    keep(registry, night(1), won)
    html = client.get("/nights/2026-01-02").text
    words = Shown(html).words
    order = ["The challenger won and waits", "DRIFT", "What the signals say", "What was done"]
    places = [words.index(part, words.index("Night of 2026-01-02")) for part in order]
    assert places == sorted(places)
    assert 'href="/review/4"' in html
    assert 'href="/versions/3"' in html


def test_each_signal_has_its_p_its_level_and_its_effect(
    registry: Registry, client: Browser
) -> None:
    keep(registry, drifted())
    html = client.get("/nights/2026-01-02").text
    for cell in ("novelty", "2.5e-05", "0.0001", "9.0 %"):
        assert f">{cell}</td>" in html


@pytest.mark.parametrize("verdict", DriftVerdict)
def test_whatever_was_found_makes_a_page_without_script_or_style(
    verdict: DriftVerdict, registry: Registry, client: Browser
) -> None:
    keep(registry, night(1), night(2, verdict, tally=TALLY))
    answer = client.get("/nights/2026-01-02")
    assert answer.status_code == 200
    outline = Shown(answer.text)
    assert "style" not in outline.attributes + outline.tags
    assert not [name for name in outline.attributes if name.startswith("on")]


def test_what_users_wrote_stays_text(registry: Registry, client: Browser) -> None:
    topic = Topic(name=HOSTILE, new=True, before=0, now=0.1, z=9, exemplars=(HOSTILE,))
    bad = drifted(
        2, topics=(topic,), exemplars=(HOSTILE,), new_words=(HOSTILE,), reasons=(HOSTILE,)
    )
    keep(registry, bad)
    queued(f"{HOSTILE} script alert")
    for path in ("/nights/2026-01-02", "/nights/2026-01-02/topics/1", "/nights"):
        html = client.get(path).text
        assert "<script>alert" not in html
        assert "<img" not in html


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "2026-01-01%00", "../../etc"])
def test_what_is_no_date_has_no_page(day: str, client: Browser) -> None:
    assert client.get(f"/nights/{day}").status_code in (404, 422)


@pytest.mark.parametrize("day", ["2026-05-05", "0001-01-01", "9999-12-31"])
def test_a_date_without_a_night_is_not_there(day: str, client: Browser) -> None:
    assert client.get(f"/nights/{day}").status_code == 404


def test_the_twins_say_the_same(registry: Registry, client: Browser) -> None:
    keep(registry, drifted())
    assert Night.model_validate(client.get("/api/nights/2026-01-02").json()) == drifted()
    (line,) = client.get("/api/nights?year=2026").json()
    assert NightLine.model_validate(line).status is NightStatus.DRIFT


# --- from an alarm to the rows to label ---------------------------------------------------------


def test_it_takes_three_clicks_from_the_year_to_the_rows_to_label(
    registry: Registry, client: Browser
) -> None:
    keep(registry, drifted())
    queued("what is a tensor", "how do I block a card", "is a torch tensor a matrix")
    assert 'href="/nights/2026-01-02"' in client.get("/nights").text
    assert 'href="/nights/2026-01-02/topics/1"' in client.get("/nights/2026-01-02").text
    topic = client.get("/nights/2026-01-02/topics/1").text
    assert 'href="/data/queue/label"' in topic
    assert "Rows to label: 2 of the queue" in topic
    assert "block a card" not in topic


def test_the_topics_own_prompts_come_first_then_those_with_most_of_its_words() -> None:
    assert rows_on(NEW, QUEUE).rows == ()  # without a queue
    queued("a tensor", "block a card", "a torch tensor", "what is a tensor")
    found = rows_on(NEW, QUEUE)
    assert [row.place for row in found.rows] == [4, 3, 1]
    assert found.rows[1].shared == ("torch", "tensor")
    assert found.others == 1


def test_a_damaged_queue_is_named(registry: Registry, client: Browser) -> None:
    keep(registry, drifted())
    QUEUE.parent.mkdir(parents=True)
    QUEUE.write_text('[{"data": {}}]')
    answer = client.get("/api/nights/2026-01-02/topics/1")
    assert answer.status_code == 400
    assert "labels.json" in answer.json()["detail"]


def test_a_topic_that_the_night_does_not_have_is_not_there(
    registry: Registry, client: Browser
) -> None:
    keep(registry, drifted())
    assert client.get("/nights/2026-01-02/topics/2").status_code == 404
    for number in ("0", "-1", "9" * 30, "x"):
        assert client.get(f"/nights/2026-01-02/topics/{number}").status_code == 404


def test_a_damaged_map_of_prompts_is_left_out(registry: Registry, client: Browser) -> None:
    keep(registry, drifted())
    folder = Path("home/monitoring/maps")
    folder.mkdir(parents=True)
    (folder / "test-night-2026-01-02.json").write_text(json.dumps({"points": [{"x": "no"}]}))
    assert client.get("/nights/2026-01-02").status_code == 200


def test_what_somebody_labelled_waits_no_more() -> None:
    queued("a tensor", "a torch tensor")
    found = rows_on(NEW, QUEUE, accepted={"a tensor"})
    assert [row.prompt for row in found.rows] == ["a torch tensor"]
