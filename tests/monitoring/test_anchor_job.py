"""The scheduler anchors the history once a day, where the settings name a place."""

import json
from pathlib import Path

import pytest

from monitoring.night import anchor_jobs
from monitoring.scheduling.job import Job, ScheduleParams
from monitoring.scheduling.runs import RunState, runs_of
from registry.chain_anchor import read_anchors
from registry.store import Registry
from tests.places import submit
from tests.scheduling import Clock, days, scheduler_of

FILE = "anchors.jsonl"


@pytest.fixture
def anchoring(registry: Registry, clock: Clock) -> Job:
    Path("params.yaml").write_text(f"registry: {{family: test, anchor: {FILE}}}\n")
    [job] = anchor_jobs(registry, ScheduleParams())
    return job


@pytest.fixture
def clock(registry: Registry) -> Clock:
    clock = Clock("2026-03-10T06:00:00Z")
    registry.clock = clock
    return clock


def test_without_a_place_there_is_no_job(registry: Registry) -> None:
    Path("params.yaml").write_text("registry: {family: test}\n")
    assert anchor_jobs(registry, ScheduleParams()) == ()


def test_a_date_is_anchored_once_however_often_it_is_looked_at(
    registry: Registry, anchoring: Job, clock: Clock, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    for _ in range(2):  # two schedulers
        scheduler = scheduler_of(registry.engine, anchoring, clock, catch_up_days=1)
        scheduler.tick()
        scheduler.tick()
    assert [kept.anchor and kept.anchor.at for kept in read_anchors(FILE)] == [
        "2026-03-10T06:00:00.000Z"
    ]
    clock.forward(days=1)
    scheduler.tick()
    assert len(read_anchors(FILE)) == 2
    newest, *_ = runs = runs_of(registry.engine, "anchor test")
    assert [run.date for run in runs] == days(10, 9)
    assert newest.record and json.loads(newest.record)["seq"] == 1


def test_before_the_first_event_there_is_nothing_to_anchor_and_nothing_fails(
    registry: Registry, anchoring: Job, clock: Clock
) -> None:
    scheduler_of(registry.engine, anchoring, clock, catch_up_days=1).tick()
    [run] = runs_of(registry.engine, anchoring.name)
    assert (run.state, run.record) == (RunState.FINISHED, "there was no event to anchor yet")
    assert not Path(FILE).exists()


def test_a_place_that_takes_no_anchor_is_tried_again(
    registry: Registry, anchoring: Job, clock: Clock, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    Path(FILE).mkdir()
    scheduler = scheduler_of(registry.engine, anchoring, clock, catch_up_days=1)
    scheduler.tick()
    [run] = runs_of(registry.engine, "anchor test")
    assert run.state is RunState.WAITING
    assert run.problem and "the anchor was not written" in run.problem
    Path(FILE).rmdir()
    clock.forward(minutes=5)
    scheduler.tick()
    assert len(read_anchors(FILE)) == 1
