"""Jobs, clocks and whole processes for tests of the scheduler.

python -m tests.scheduling DATABASE FOLDER WORK NOW [HEALTH]: a service whose job leaves lines in
FOLDER/notes.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import IO

from sqlalchemy import Engine

from monitoring.scheduling import service
from monitoring.scheduling.job import Cron, Job, JobResult, ScheduleParams, Work
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.notice_delivery import NoticeParams
from monitoring.scheduling.runs import Claim
from project.errors import StoppedError
from registry.storage.database import connect
from tests.conftest import ROOT

NAME = "nightly"
LONG = 60.0  # seconds that nothing here takes, unless it hangs


class Clock:
    """Tells the time that it is set to."""

    def __init__(self, text: str) -> None:
        self.now = datetime.fromisoformat(text)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def job(work: Work, line: str = "30 2 * * *", timezone: str = "UTC") -> Job:
    return Job(NAME, Cron(line, timezone), work)


def diary(dates: list[date]) -> Work:
    """Work that only notes its date."""

    def work(claim: Claim, stop: Event) -> JobResult:
        dates.append(claim.date)
        return JobResult(f"done {claim.date}")

    return work


def scheduler_of(
    engine: Engine, job: Job, clock: Callable[[], datetime], catch_up_days: int = 7
) -> Scheduler:
    params = ScheduleParams(catch_up_days=catch_up_days)
    return Scheduler(params, [job], engine, clock=clock)


def days(*numbers: int) -> list[date]:
    """Days of March 2026."""
    return [date(2026, 3, number) for number in numbers]


# --- a service in a process of its own ----------------------------------------------------------


def started(
    database: str,
    folder: Path,
    work: str,
    now: str,
    *health: str,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.scheduling", database, str(folder), work, now, *health]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr)


def main(database: str, folder: str, work: str, now: str, health: str | None = None) -> None:
    service.TICK = timedelta(milliseconds=20)
    jobs = [job(WORKS[work](Path(folder)))]
    params = ScheduleParams(catch_up_days=10, health=health)
    service.serve(params, jobs, connect(database), NoticeParams(), clock=Clock(now))
    print("ended in order", flush=True)


def noting(folder: Path) -> Work:
    """Work that leaves a line on the disk: date and process."""

    def work(claim: Claim, stop: Event) -> JobResult:
        note(folder, claim)
        return JobResult("done")

    return work


def hanging(folder: Path) -> Work:
    """Work that ends only when it is told to."""

    def work(claim: Claim, stop: Event) -> JobResult:
        note(folder, claim)
        print("begun", flush=True)
        assert stop.wait(LONG)
        raise StoppedError("told to stop")

    return work


def note(folder: Path, claim: Claim) -> None:
    with (folder / "notes").open("a") as notes:
        notes.write(f"{claim.date} {os.getpid()}\n")


WORKS: dict[str, Callable[[Path], Work]] = {"note": noting, "hang": hanging}


def noted(folder: Path) -> list[str]:
    """The dates that processes worked on, in the order in which they began."""
    return [line.split()[0] for line in (folder / "notes").read_text().splitlines()]


if __name__ == "__main__":
    main(*sys.argv[1:])
