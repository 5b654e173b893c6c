"""One scheduler for many projects: each in processes of its own, and no project harms another."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.scheduling import runs
from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.retrain_slots import RetrainLimits, claim_slot
from monitoring.scheduling.runs import Claim
from monitoring.teams.team_project import TeamProject, Teams
from monitoring.teams.team_service import TeamScheduler, do_all
from project.errors import IncumbentError
from project.records.drift import DriftVerdict
from registry.notices import Notice, put
from registry.storage.database import writing
from tests.monitoring.teams.projects import (
    DAY,
    MOMENT,
    NOW,
    Recorded,
    end_night,
    light_night,
    scheduler_of,
    write_project,
)
from tests.monitoring.test_night_report import night
from tests.scheduling import Clock, noted

QUICK, LONG = ("true",), ("sleep", "60")


def teams_of(*families: str, **more: int) -> Teams:
    return Teams(projects=tuple(map(write_project, families)), **more)


@contextmanager
def opened(teams: Teams, start: Recorded, clock: Clock | None = None) -> Iterator[TeamScheduler]:
    scheduler = scheduler_of(teams, start, clock or Clock(NOW))
    try:
        yield scheduler
    finally:
        scheduler.stop()
        scheduler.engine.dispose()


def ticked(scheduler: TeamScheduler) -> None:
    """A tick, and then whatever it started has ended."""
    scheduler.tick()
    for process in scheduler.processes.values():
        process.wait()
    scheduler.reap()


def test_a_night_that_is_due_starts_a_process_once_and_again_after_a_pause() -> None:
    start, clock = Recorded(*QUICK), Clock(NOW)
    with opened(teams_of("bank", "shop"), start, clock) as scheduler:
        ticked(scheduler)
        ticked(scheduler)
        assert start.families == ["bank", "shop"]
        clock.forward(minutes=6)
        ticked(scheduler)
        assert start.families == ["bank", "shop"] * 2, "these left it undone"
        for family in ("bank", "shop"):
            end_night(scheduler.engine, family)
        clock.forward(minutes=6)
        ticked(scheduler)
        assert len(start.families) == 4


def test_a_family_whose_night_saw_no_traffic_is_asked_for_late_days_each_hour() -> None:
    """Another machine may have settled the night, with an old copy of the folder."""
    start, clock = Recorded(*QUICK), Clock(NOW)
    with opened(teams_of("bank", "shop"), start, clock) as scheduler:
        for family in ("bank", "shop"):
            end_night(scheduler.engine, family)
        unseen = night(9, DriftVerdict.INSUFFICIENT, date="2026-03-09", traffic=None)
        with writing(scheduler.engine) as connection:
            record = unseen.canonical().decode()
            runs.keep_done(connection, "check bank", DAY, "a", MOMENT, record)
        for minutes in (0, 30, 29, 1):
            clock.forward(minutes=minutes)
            ticked(scheduler)
        assert start.families == ["bank", "bank"]


def test_nights_of_a_machine_are_looked_at_a_few_at_a_time() -> None:
    start = Recorded(*LONG)
    with opened(teams_of("bank", "shop", "tram", nights_at_once=2), start) as scheduler:
        scheduler.tick()
        scheduler.tick()
        assert start.families == ["bank", "shop"]


def test_a_night_that_retrains_leaves_its_place_to_others() -> None:
    start = Recorded(*LONG)
    with opened(teams_of("bank", "shop", nights_at_once=1), start) as scheduler:
        scheduler.tick()
        assert want_slot(scheduler, "bank")
        scheduler.tick()
        assert start.families == ["bank", "shop"]


def test_a_retrain_that_waits_is_started_when_it_is_its_turn() -> None:
    start = Recorded(*QUICK)
    with opened(teams_of("bank", "shop"), start) as scheduler:
        slot = want_slot(scheduler, "zoo")
        for family in ("bank", "shop"):
            assert want_slot(scheduler, family) is None
        assert slot is not None
        ticked(scheduler)
        assert start.families == []
        with writing(scheduler.engine) as connection:
            runs.finish(connection, slot, MOMENT, "ended")
        ticked(scheduler)
        assert start.families == ["bank"], "one slot is free"


def test_a_broken_project_is_told_of_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    teams = teams_of("bank", "shop")
    broken = write_project("tram", "monitring: {}\n")
    nowhere = TeamProject(path=Path("nowhere"))
    start = Recorded(*QUICK)
    with opened(Teams(projects=(broken, nowhere, *teams.projects)), start) as scheduler:
        ticked(scheduler)
        ticked(scheduler)
        scheduler.beat()
        (heartbeat,) = living(scheduler.engine)
    assert start.families == ["bank", "shop"]
    assert "tram/params.yaml:3: monitring: no such section" in (heartbeat.refuses or "")
    assert "nowhere/params.yaml: here is no project" in (heartbeat.refuses or "")
    assert caplog.text.count("here is no project") == 1
    assert heartbeat.quotas == {"bank": 7, "shop": 7}


def test_once_does_what_it_can_and_says_that_some_was_not_done() -> None:
    broken, start = write_project("tram", "monitring: {}\n"), Recorded(*QUICK)
    with opened(Teams(projects=(broken, write_project("bank"))), start) as scheduler:
        with pytest.raises(IncumbentError, match="1 of 2 projects could not be done"):
            do_all(scheduler)
        assert start.families == ["bank"]


def test_a_project_that_was_mended_is_no_longer_refused() -> None:
    teams = Teams(projects=(write_project("bank"), write_project("shop", "monitring: {}\n")))
    start = Recorded(*QUICK)
    with opened(teams, start) as scheduler:
        ticked(scheduler)
        params = teams.projects[1].params
        params.write_text(params.read_text().replace("monitring: {}\n", ""))
        ticked(scheduler)
        assert (start.families, scheduler.unusable) == (["bank", "shop"], {})


def test_another_registry_and_a_second_project_of_a_family_are_refused() -> None:
    bank, other, twice = (write_project(name) for name in ("bank", "other", "twice"))
    other.params.write_text("registry: {family: other}\n")
    twice.params.write_text(bank.params.read_text())
    start = Recorded(*QUICK)
    with opened(Teams(projects=(bank, other, twice)), start) as scheduler:
        ticked(scheduler)
        assert start.families == ["bank"]
        first, second = scheduler.unusable.values()
    assert "registry.database: its registry is not the other projects'" in first
    assert "registry.family: bank is the family of" in second


def test_a_process_that_failed_is_told_of_with_its_last_words() -> None:
    start = Recorded("sh", "-c", "echo begun; echo 'no disk' >&2; exit 3")
    with opened(teams_of("bank"), start) as scheduler:
        ticked(scheduler)
        (problem,) = scheduler.failed.values()
    assert problem.startswith("bank: its process ended with code 3: no disk (")


def test_notices_of_a_family_are_work_of_its_project_alone() -> None:
    start = Recorded(*QUICK)
    with opened(teams_of("bank", "shop"), start) as scheduler:
        for family in ("bank", "shop"):
            end_night(scheduler.engine, family)
        with writing(scheduler.engine) as connection:
            notice = Notice(key="event 1", kind="event-promote", text="won", family="shop")
            put(connection, notice, MOMENT - timedelta(minutes=1))
        ticked(scheduler)
    assert start.families == ["shop"]


def test_processes_are_ended_in_order_with_the_scheduler() -> None:
    with opened(teams_of("bank"), Recorded(*LONG)) as scheduler:
        scheduler.tick()
        (process,) = scheduler.processes.values()
    assert process.process.returncode == -15


@pytest.mark.slow  # four processes
def test_two_machines_do_each_night_of_each_project_once() -> None:
    teams = teams_of("bank", "shop")
    schedulers = [scheduler_of(teams, light_night, Clock(NOW)) for _ in range(2)]
    for scheduler in schedulers:
        scheduler.tick()
    for scheduler in schedulers:
        for process in scheduler.processes.values():
            process.wait()
        ticked(scheduler)
        assert not scheduler.failed
        scheduler.engine.dispose()
    for team in teams.projects:
        assert noted(team.path) == [str(DAY)]


def want_slot(scheduler: TeamScheduler, family: str) -> Claim | None:
    night = Claim(job=f"nightly {family}", date=DAY, holder="a", fence=1, attempt=1)
    limits, lease = RetrainLimits(at_once=1, quota=7), timedelta(minutes=10)
    return claim_slot(scheduler.engine, family, night, MOMENT, lease, limits)
