"""A job's runs between two dates: what a calendar shows, however long ago it was."""

from datetime import date

from sqlalchemy import Engine, func, select

from registry.jobs.runs import Run, run_of
from registry.storage.database import reading
from registry.storage.tables import runs


def runs_between(engine: Engine, job: str, first: date, last: date) -> tuple[Run, ...]:
    """The runs for dates from `first` to `last`, the oldest date first."""
    query = select(runs).where(
        runs.c.job == job, runs.c.date >= first.isoformat(), runs.c.date <= last.isoformat()
    )
    with reading(engine) as connection:
        return tuple(run_of(row) for row in connection.execute(query.order_by(runs.c.date)))


def span_of(engine: Engine, job: str) -> tuple[date, date] | None:
    """The first and the last date that a job was run for; None: it never was."""
    query = select(func.min(runs.c.date), func.max(runs.c.date)).where(runs.c.job == job)
    with reading(engine) as connection:
        first, last = connection.execute(query).one()
    return (date.fromisoformat(first), date.fromisoformat(last)) if first else None
