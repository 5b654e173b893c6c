"""Small projects of several teams on one registry, and light processes in place of their nights.

python -m tests.monitoring.teams.projects DATABASE FAMILY FOLDER NOW: does the nights of a family
that are due, each of which leaves a line in FOLDER/notes.
"""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import Engine

from monitoring.scheduling import runs
from monitoring.scheduling.job import Cron, Job, ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.teams.team_project import (
    ProjectProcess,
    ReadProject,
    TeamProject,
    Teams,
    log_of,
    registry_of,
)
from monitoring.teams.team_service import TeamScheduler
from registry.storage.database import connect, writing
from tests.conftest import ROOT
from tests.scheduling import Clock, noting

NOW = "2026-03-10T03:00:00+00:00"
MOMENT = datetime(2026, 3, 10, 3, tzinfo=UTC)
DAY = date(2026, 3, 9)


def write_project(family: str, more: str = "") -> TeamProject:
    """A project whose verification is not due, in a folder of the family's name."""
    folder = Path(family).resolve()
    folder.mkdir()
    (folder / "params.yaml").write_text(
        f"registry: {{family: {family}, database: 'sqlite:///{Path.cwd()}/registry.db'}}\n"
        f"monitoring: {{schedule: {{catch_up_days: 1, verify: '0 4 1 1 *'}}}}\n{more}"
    )
    return TeamProject(path=folder)


def engine_of(teams: Teams) -> Engine:
    return connect(registry_of(teams))


class Recorded:
    """Starts another program for each project, and notes for which."""

    def __init__(self, *command: str) -> None:
        self.command = command
        self.families: list[str] = []

    def __call__(self, project: ReadProject, at_once: int) -> ProjectProcess:
        self.families.append(project.family)
        return running(project, self.command)


def running(project: ReadProject, command: Sequence[str]) -> ProjectProcess:
    log = log_of(project.team)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    return ProjectProcess(project, process, log)


def light_night(project: ReadProject, at_once: int) -> ProjectProcess:
    program = [sys.executable, "-m", "tests.monitoring.teams.projects"]
    folder = str(project.team.path)
    return running(project, [*program, project.database, project.family, folder, NOW])


def scheduler_of(teams: Teams, start: Recorded, clock: Clock) -> TeamScheduler:
    return TeamScheduler(teams, engine_of(teams), registry_of(teams), clock=clock, start=start)


def end_night(engine: Engine, family: str) -> None:
    claimed = runs.claim(engine, f"nightly {family}", DAY, "a", MOMENT, ScheduleParams().lease)
    assert claimed
    with writing(engine) as connection:
        runs.finish(connection, claimed, MOMENT, "done")


def main(database: str, family: str, folder: str, now: str) -> None:
    night = Job(f"nightly {family}", Cron("30 2 * * *", "UTC"), noting(Path(folder)))
    params = ScheduleParams(catch_up_days=1)
    Scheduler(params, [night], connect(database), clock=Clock(now)).tick()


if __name__ == "__main__":
    main(*sys.argv[1:])
