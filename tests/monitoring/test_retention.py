"""After the retention no word that a user wrote is left in anything that was made of it."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.monitoring_settings import TriggerParams
from monitoring.night_context import NightContext
from monitoring.night_history import nights_before
from monitoring.night_page import page_path
from monitoring.retention import (
    forget,
    forget_dated_files,
    forget_idle_files,
    forget_queued,
    forget_tasks,
)
from monitoring.scheduling.outbox import OVER
from monitoring.trigger.acceptance import SET_ASIDE, read_set_aside, set_aside
from monitoring.trigger.labels import LABEL_QUEUE, labelled_row
from project.files import home
from project.records.adapters import Adapter
from project.records.drift import DriftVerdict
from project.records.traffic import Feedback, Traffic
from registry.notices import Notice, put
from registry.storage.database import reading, writing
from registry.storage.tables import outbox
from registry.store import Registry
from tests.quick_nights import NOW, day, rows_of, run, site_of

WORD = "quetzalcoatlus"  # that nobody else writes
KEEP = 3  # days

Make = Callable[[str], tuple[Adapter, Path]]


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """A champion, and three days of traffic before its first night."""
    with Registry(home() / "registry", "bank", clock=lambda: NOW) as registry:
        version = registry.submit(*make_adapter("a"), "test")
        registry.promote(version.number, "test", force=True)
        trigger = TriggerParams(confirm_nights=1)
        made = dataclasses.replace(site_of(registry), keep_days=KEEP, trigger=trigger)
        for number in range(3):
            made.traffic.append(rows_of(number))
        yield made


def telling(number: int) -> list[Traffic]:
    """A day in full drift: its users write the word into prompts, corrections, everywhere."""
    said = Feedback(rating=-1, correction=f"it was the {WORD}")
    return [
        row.model_copy(
            update={
                "prompt": f"about {WORD} mining",
                "response": f"a {WORD}",
                "feedback": said if place % 3 else None,
            }
        )
        if place % 2
        else row
        for place, row in enumerate(rows_of(number))
    ]


def places_with(word: str) -> list[str]:
    """Every file here that holds it, the registry's database with all of its pages among them."""
    files = (path for path in Path().rglob("*") if path.is_file())
    return sorted(str(path) for path in files if word.encode() in path.read_bytes().lower())


def test_after_the_retention_nothing_holds_what_users_wrote(context: NightContext) -> None:
    Path("traffic", str(day(3))).mkdir(parents=True)
    Path("traffic", str(day(3)), "torn.jsonl").write_text(f'{{"prompt": "{WORD}\n')
    Path("traffic", str(day(3)), "feedback-a.jsonl").write_text(f'{{"of": "{WORD}\n')
    night = run(context, 3, telling(3))
    assert night.verdict is DriftVerdict.DRIFT
    assert WORD in " ".join((*night.exemplars, *night.new_words))
    told = " ".join(places_with(WORD))
    for place in ("/reports", "/maps", "/quarantine", "/registry", "datasets/queue"):
        assert place in told, place

    for number in range(4, 5 + KEEP):
        run(context, number)
    assert places_with(WORD) == []
    before = nights_before(context.registry.engine, "bank", day(30))[0]
    assert (before.verdict, before.readings) == (night.verdict, night.readings)
    assert {topic.name for topic in before.topics} <= {"a new topic", "a known topic"}
    forget(context, day(4 + KEEP))
    assert nights_before(context.registry.engine, "bank", day(30))[0] == before


def test_within_the_retention_all_of_it_is_there(context: NightContext) -> None:
    run(context, 3, telling(3))
    (units,) = (home() / "monitoring" / "units").glob("*/*.npz")
    for number in range(4, 4 + KEEP):
        run(context, number)
    night = nights_before(context.registry.engine, "bank", day(4))[0]
    assert WORD in " ".join(night.exemplars)
    assert WORD in page_path("bank", day(3)).read_text()
    assert units.exists()
    run(context, 4 + KEEP)
    assert not units.exists()
    assert context.traffic.days() == [day(number) for number in range(4, 5 + KEEP)]


def test_why_a_run_failed_and_its_notice_are_forgotten(context: NightContext) -> None:
    notice = Notice(key=f"nightly bank {day(3)} given up 1", kind="run-failed", text=f"at {WORD}")
    of_people = Notice(key="promote 7", kind="promote", text="by ana: better")
    with writing(context.registry.engine) as connection:
        for one in (notice, of_people):
            put(connection, one, NOW - timedelta(days=300))
    run(context, 3)
    with reading(context.registry.engine) as connection:
        kept = [
            Notice.model_validate_json(row.record) for row in connection.execute(outbox.select())
        ]
    assert [one.text for one in kept] == [OVER, "by ana: better"]
    assert [one.key for one in kept] == [notice.key, of_people.key]


def test_old_prompts_leave_the_queue_and_what_is_no_queue_stays(tmp_path: Path) -> None:
    queue = tmp_path / "labels.json"
    tasks = [
        {"data": {"prompt": "old"}, "meta": {"at": f"{day(1)}T10:00:00Z"}},
        {"data": {"prompt": "new"}, "meta": {"at": f"{day(5)}T10:00:00Z"}},
        {"data": {"prompt": "of somebody's own"}},
    ]
    queue.write_text(json.dumps(tasks))
    forget_tasks(queue, day(3))
    assert json.loads(queue.read_bytes()) == tasks[1:]
    queue.write_text("notes of mine")
    forget_tasks(queue, day(3))
    assert queue.read_text() == "notes of mine"


def test_what_was_set_aside_leaves_with_the_traffic(context: NightContext) -> None:
    place = LABEL_QUEUE.with_name(SET_ASIDE)
    row = labelled_row(f"about {WORD}?", "so", str(day(0)))
    for number in (0, 3):
        at = f"{day(number)}T10:00:00Z"
        set_aside([row], {row.id: f"for reason {number}"}, LABEL_QUEUE, at)
    forget_queued(context, day(1 + KEEP))
    assert [one.reason for one in read_set_aside(place)] == ["for reason 3"]
    forget_queued(context, day(4 + KEEP))
    assert place.read_bytes() == b""


def test_drafts_and_copies_of_other_settings_are_forgotten_by_their_day(tmp_path: Path) -> None:
    old = [
        "quarantine/.2026-03-02.jsonl-x7f",
        "traffic/0a1b/2026-03-02/chunk.jsonl",
        "traffic/0a1b/shadow/2026-03-02/chunk.jsonl",
        "bank-retrain-2026-03-02.log",
    ]
    new = ["quarantine/2026-03-09.jsonl", "embeddings.db"]
    for name in (*old, *new):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    forget_dated_files(tmp_path, day(5))
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == sorted(new)
    assert not (tmp_path / "traffic/0a1b/2026-03-02").exists()


def test_what_nobody_wrote_to_for_that_long_is_forgotten(tmp_path: Path) -> None:
    idle, busy = tmp_path / "gateway" / "chunk", tmp_path / "other"
    idle.parent.mkdir()
    for path in (idle, busy):
        path.write_text("x")
    os.utime(idle, (0, 0))
    forget_idle_files(tmp_path, day(3))
    assert not idle.exists()
    assert busy.exists()
