"""`incumbent nightly` prints its night; one that fails says what a person does, not what the
scheduler would do.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from threading import Event

import pytest

from incumbent.verbs.nightly import finished
from monitoring.night_history import nightly_of
from monitoring.scheduling.job import Cron, Job, JobResult, ScheduleParams, UnchangedError
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.runs import Claim, claim
from project.errors import IncumbentError
from project.records.adapters import Adapter
from registry.store import Registry
from tests.incumbent.tiny_project import run

DAY = date(2025, 12, 31)
COMMAND = f"`incumbent nightly --date {DAY}` tries again"


def failing(registry: Registry, error: Exception) -> str:
    """What the command says of a night that failed so."""

    def work(claim: Claim, stop: Event) -> JobResult:
        raise error

    job = Job(nightly_of(registry.family), Cron("30 2 * * *", "UTC"), work)
    scheduler = Scheduler(ScheduleParams(), [job], registry.engine, clock=registry.clock)
    scheduler.run(job, DAY, insist=True)
    with pytest.raises(IncumbentError) as caught:
        finished(registry, job.name, DAY)
    return str(caught.value)


def test_what_failed_is_told_once_with_the_command_that_tries_again(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    told = failing(registry, IncumbentError("the disk is full"))
    assert told.splitlines() == [
        f"the night of {DAY} is not done: the disk is full",
        f"{COMMAND}; so does a scheduler, where one runs, from 2026-01-01 00:05 UTC on",
    ]
    assert "disk is full" not in caplog.text


def test_where_no_scheduler_will_try_again_none_is_named(registry: Registry) -> None:
    told = failing(registry, UnchangedError("the gate is shut"))
    assert told.splitlines()[1:] == [COMMAND]


def test_a_night_that_another_process_is_at_is_shown_by_the_same_command(
    registry: Registry,
) -> None:
    job, now = nightly_of(registry.family), registry.clock()
    claim(registry.engine, job, DAY, "machine:7", now, timedelta(minutes=10))
    with pytest.raises(IncumbentError) as caught:
        finished(registry, job, DAY)
    shown = f"machine:7 is at it; `incumbent nightly --date {DAY}` shows it once it is done"
    assert str(caught.value) == f"the night of {DAY} is not done: {shown}"


def test_a_fault_of_the_program_is_logged_whole(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    assert "not done: ValueError: odd" in failing(registry, ValueError("odd"))
    assert "Traceback" in caplog.text
    assert "again in" not in caplog.text


def test_a_night_is_printed_and_the_same_date_again_is_the_same_night(
    make_adapter: Callable[[str], tuple[Adapter, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text("registry: {family: bank}\n")
    with Registry.here() as opened:
        number = opened.submit(*make_adapter("one"), "made").number
        opened.promote(number, "the first", force=True)
    (night, _), (again, _) = (run(capsys, "nightly", "--date", str(DAY)) for _ in range(2))
    assert (night["champion"], night["date"]) == (number, str(DAY))
    assert (night["verdict"], night["rows"]) == ("insufficient", 0)
    assert again == night
