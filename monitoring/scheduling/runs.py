"""What is done once for each date, whoever does it: claimed under a lease, finished once.

A claim carries a fencing token: whoever takes an expired lease over gets a higher one, and from
then on the old holder can neither renew nor finish. Clocks decide only when somebody may try; that
a date is finished once follows from its one row, whatever they say.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement, Connection, Engine, Row, func, insert, select, update

from project.canonical import moment_of, stamp
from project.errors import IncumbentError
from project.records.record import Record
from registry.storage.database import erasing, reading, writing
from registry.storage.tables import RunState as RunState  # others know it from here
from registry.storage.tables import runs

SETTLED = (RunState.FINISHED, RunState.FAILED)
BEGUN = (RunState.RUNNING, RunState.WAITING)


class LostLeaseError(IncumbentError):
    """Somebody else has taken the run over."""


class Claim(Record):
    """The right to do a job for one date, until somebody gets a higher fence for it."""

    job: str = Field(min_length=1, max_length=127)
    date: date  # logical
    holder: str
    fence: int
    attempt: int  # counted from 1

    def __str__(self) -> str:
        return f"{self.job} of {self.date}, attempt {self.attempt}"


class JobRun(Record):
    """A job's one run for a date, as far as it got. Times are RFC 3339, UTC."""

    job: str
    date: date
    state: RunState
    holder: str
    fence: int
    attempts: int
    since: str  # nobody else may claim it from here
    until: str  # to there: a lease, or the wait for the next attempt
    started: str  # the newest attempt
    ended: str | None
    record: str | None  # what it made, canonical JSON or words
    problem: str | None  # why the newest attempt made nothing

    @property
    def seconds(self) -> float | None:
        """How long the newest attempt took."""
        if self.ended is None:
            return None
        return (moment_of(self.ended) - moment_of(self.started)).total_seconds()

    def held(self, now: datetime) -> bool:
        """Whether a lease, or a wait, holds now.

        One that begins in the future by more than its own length was written before the clock was
        set back, and holds no longer; less than that is two machines that differ a little.
        """
        since, until = moment_of(self.since), moment_of(self.until)
        return since - (until - since) <= now < until

    def __str__(self) -> str:
        about = self.ended if self.state is RunState.FINISHED else self.problem
        if self.state is RunState.RUNNING:  # the problem is of the attempt before
            about = f"by {self.holder}"
        return f"{self.job} of {self.date}: {self.state}, {about}"


def claim(
    engine: Engine,
    job: str,
    date: date,
    holder: str,
    now: datetime,
    lease: timedelta,
    *,
    insist: bool = False,
    again: str | None = None,
) -> Claim | None:
    """Take a run for as long as a lease lasts.

    None when it is finished, somebody holds a live lease, or it waits for its next attempt or was
    given up; a person may `insist` on these two. `again` says why a finished run is done again: it
    keeps what it made until it has something else. `holder` names one process and no other.
    """
    with writing(engine) as connection:
        known = find(connection, job, date)
        if known and not claimable(known, now, insist, again is not None):
            return None
        tried = known.attempts if known and known.state not in SETTLED else 0
        claimed = Claim(
            job=job,
            date=date,
            holder=holder,
            fence=known.fence + 1 if known else 1,
            attempt=tried + 1,
        )
        row = claimed.model_dump(mode="json", exclude={"attempt"}) | {
            "state": RunState.RUNNING,
            "attempts": claimed.attempt,
            "since": stamp(now),
            "until": stamp(now + lease),
            "started": stamp(now),
            "ended": None,
        }
        if again is not None:
            row["problem"] = f"done again: {again}"
        write = update(runs).where(*at(job, date)) if known else insert(runs)
        connection.execute(write.values(row))
        return claimed


def keep_done(
    connection: Connection, job: str, date: date, holder: str, now: datetime, record: str
) -> None:
    """Keep what was done at once as a finished run, in the caller's transaction."""
    known, at_once = find(connection, job, date), stamp(now)
    done = JobRun(
        job=job,
        date=date,
        state=RunState.FINISHED,
        holder=holder,
        fence=known.fence + 1 if known else 1,
        attempts=1,
        since=at_once,
        until=at_once,
        started=at_once,
        ended=at_once,
        record=record,
        problem=None,
    )
    write = update(runs).where(*at(job, date)) if known else insert(runs)
    connection.execute(write.values(done.model_dump(mode="json")))


def claimable(run: JobRun, now: datetime, insist: bool, again: bool = False) -> bool:
    match run.state:
        case RunState.FINISHED:
            return again
        case RunState.FAILED:
            return insist
        case RunState.WAITING:
            return insist or not run.held(now)
        case RunState.RUNNING:
            return not run.held(now)


def renew(engine: Engine, claim: Claim, now: datetime, lease: timedelta) -> None:
    """Hold a run for another lease. Raises LostLeaseError when somebody else has it."""
    with writing(engine) as connection:
        update_run(connection, claim, since=stamp(now), until=stamp(now + lease))


def guard(connection: Connection, claim: Claim) -> None:
    """Raise LostLeaseError unless the claim holds, inside a transaction of the run's own.

    What the run writes after it, and commits, no earlier holder of the run can have written.
    """
    update_run(connection, claim, fence=claim.fence)


def finish(connection: Connection, claim: Claim, now: datetime, record: str) -> None:
    """Keep what a run made, in the caller's transaction. Raises LostLeaseError."""
    state = RunState.FINISHED
    update_run(connection, claim, state=state, ended=stamp(now), record=record, problem=None)


def fail(
    connection: Connection, claim: Claim, now: datetime, problem: str, retry: timedelta | None
) -> None:
    """Keep why a run failed, and wait before a next attempt, if any. Raises LostLeaseError."""
    update_run(
        connection,
        claim,
        state=RunState.FAILED if retry is None else RunState.WAITING,
        since=stamp(now),
        until=stamp(now + (retry or timedelta())),
        ended=stamp(now),
        problem=problem,
    )


def release(connection: Connection, claim: Claim, now: datetime, why: str) -> None:
    """Give back a run that did not end, with no attempt counted. Raises LostLeaseError."""
    update_run(
        connection,
        claim,
        state=RunState.WAITING,
        attempts=claim.attempt - 1,
        since=stamp(now),
        until=stamp(now),
        ended=stamp(now),
        problem=why,
    )


def runs_of(engine: Engine, job: str, limit: int | None = None) -> tuple[JobRun, ...]:
    """A job's runs, the newest date first."""
    query = select(runs).where(runs.c.job == job).order_by(runs.c.date.desc()).limit(limit)
    with reading(engine) as connection:
        return tuple(run_of(row) for row in connection.execute(query))


def settled(engine: Engine, job: str, since: date) -> frozenset[date]:
    """The dates from `since` on that are finished or given up."""
    return dates(engine, runs.c.job == job, runs.c.state.in_(SETTLED), runs.c.date >= str(since))


def begun(engine: Engine, job: str) -> frozenset[date]:
    """The dates that somebody is at, or that wait for their next attempt."""
    return dates(engine, runs.c.job == job, runs.c.state.in_(BEGUN))


def rewrite_records(
    engine: Engine,
    job: str,
    before: date,
    change: Callable[[str], str],
    *,
    problems: bool = False,
) -> None:
    """Change what a job's settled runs for dates before one made: its time is over. With
    `problems`, leave out why an attempt failed too: that may quote what it failed on.
    """
    old = (runs.c.job == job, runs.c.date < str(before), runs.c.state.in_(SETTLED))
    with reading(engine) as connection:
        rows = connection.execute(select(runs).where(*old)).all()
    wanted = {
        row.date: (change(row.record) if row.record else None, None if problems else row.problem)
        for row in rows
    }
    changed = [row for row in rows if wanted[row.date] != (row.record, row.problem)]
    if not changed:
        return
    with erasing(engine) as connection:
        for row in changed:
            record, problem = wanted[row.date]
            same = update(runs).where(*old, runs.c.date == row.date, runs.c.fence == row.fence)
            connection.execute(same.values(record=record, problem=problem))


def run_on(engine: Engine, job: str, date: date) -> JobRun | None:
    """A job's run for a date; None: it was never begun."""
    with reading(engine) as connection:
        return find(connection, job, date)


# --- rows of the table of runs ------------------------------------------------------------------


def dates(engine: Engine, *where: ColumnElement[bool]) -> frozenset[date]:
    with reading(engine) as connection:
        rows = connection.execute(select(runs.c.date).where(*where)).scalars()
        return frozenset(map(date.fromisoformat, rows))


def find(connection: Connection, job: str, date: date) -> JobRun | None:
    row = connection.execute(select(runs).where(*at(job, date))).first()
    return run_of(row) if row else None


def update_run(connection: Connection, claim: Claim, **values: object) -> None:
    """Change the row that a claim holds. Raises LostLeaseError when it holds it no longer."""
    where = (*at(claim.job, claim.date), runs.c.fence == claim.fence)
    holding = update(runs).where(*where, runs.c.state == RunState.RUNNING)
    if not connection.execute(holding.values(values)).rowcount:
        known = find(connection, claim.job, claim.date)
        raise LostLeaseError(
            f"{claim} is no longer {claim.holder}'s ({known or 'its row is gone'}): what it made "
            "is left aside"
        )


def at(job: str, date: date) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return runs.c.job == job, runs.c.date == date.isoformat()


def run_of(row: Row[Any]) -> JobRun:
    return JobRun.model_validate(dict(row._mapping))


# --- run span -------------------------------------------------------------------------------------

# A job's runs between two dates: what a calendar shows, however long ago it was.


def runs_between(engine: Engine, job: str, first: date, last: date) -> tuple[JobRun, ...]:
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
