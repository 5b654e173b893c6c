"""What is due in a project, as its own registry tells: dates of its jobs, and notices to send."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import Engine

from monitoring.night_history import nightly_of
from monitoring.scheduling import outbox
from monitoring.scheduling.retrain_slots import is_waiting
from monitoring.scheduling.runs import claimable, find
from monitoring.scheduling.scheduler import missing_dates
from monitoring.teams.team_project import ReadProject
from project.records.record import Record
from registry.storage.database import reading


class DueWork(Record):
    """Something that a process of the project can do now."""

    what: str  # such as `nightly bank`
    date: str = ""  # logical; "": it has none
    retrain: bool = False  # whether it is a night whose retrain waits for its turn

    def __str__(self) -> str:
        named = f"{self.what} of {self.date}" if self.date else self.what
        return f"{named}, its retrain" if self.retrain else named


def due_work(engine: Engine, project: ReadProject, now: datetime) -> Iterator[DueWork]:
    """Of each job the oldest date that is not at its end, where it can be claimed now."""
    for job, cron in project.jobs.items():
        missing = missing_dates(engine, job, cron, now, project.schedule.catch_up)
        if missing and can_be_claimed(engine, job, min(missing), now):
            night, day = job == nightly_of(project.family), min(missing)
            waits = night and is_waiting(engine, project.family, day)
            yield DueWork(what=job, date=str(day), retrain=waits)
    if outbox.is_waiting(engine, now, project.family):
        yield DueWork(what="notices")


def can_be_claimed(engine: Engine, job: str, day: date, now: datetime) -> bool:
    """Not where somebody is at it, or it waits for its next attempt."""
    with reading(engine) as connection:
        run = find(connection, job, day)
    return run is None or claimable(run, now, insist=False)
