"""Retrains of all families in one registry: which wait, which run, and who may start the next.

A retrain is a run of the job `retrain FAMILY` for the date of its night. It waits until it is its
turn, and then holds its slot by a lease: that of a process that died is free again once the lease
is over. All of it lies in the registry, so a limit holds over all machines.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pydantic import Field
from sqlalchemy import Connection, Engine, insert, or_, select, update

from monitoring.scheduling.runs import (
    BEGUN,
    SETTLED,
    Claim,
    JobRun,
    RunState,
    at,
    find,
    run_of,
    run_on,
)
from project.canonical import moment_of, readable, stamp
from project.records.record import Record
from registry.storage.database import reading, writing
from registry.storage.tables import runs as table

# Who waits says so again and again, for a scheduler that is dead must not keep a slot free.
STILL_WAITS = timedelta(minutes=2)
WEEK = timedelta(days=7)  # in which the retrains of a family count against its quota
JOB = "retrain "  # what the name of each family's job begins with


class RetrainLimits(Record):
    """What retrains are kept to; None: no limit."""

    at_once: int | None = Field(default=None, ge=1)  # of all families of the registry
    quota: int | None = Field(default=None, ge=0)  # of one family, started within 7 days


NO_LIMITS = RetrainLimits()


class Retrains(Record):
    """The retrains of all families at one moment. Times are RFC 3339, UTC."""

    waiting: dict[str, str]  # family -> since when
    running: dict[str, str]
    started: dict[str, tuple[str, ...]]  # when those of the last 7 days began
    quotas: dict[str, int]  # of the families that wait and have one

    def may_start(self, at_once: int | None) -> tuple[str, ...]:
        """The families whose retrain may start now, who has waited longest first.

        `at_once` is how many may run at a time in all; None: any number. Nobody starves: a family
        has one retrain that waits, so each other one can start before it once.
        """
        order = sorted(self.waiting, key=lambda family: (moment_of(self.waiting[family]), family))
        able = [family for family in order if family not in self.running and self.has_left(family)]
        free = len(able) if at_once is None else max(at_once - len(self.running), 0)
        return tuple(able[:free])

    def has_left(self, family: str) -> bool:
        """Whether a family's quota is not used up; without one it may have any number."""
        quota = self.quotas.get(family)
        return quota is None or len(self.started.get(family, ())) < quota


def retrain_of(family: str) -> str:
    """The name of a family's job."""
    return f"{JOB}{family}"


def claim_slot(
    engine: Engine,
    family: str,
    claim: Claim,
    now: datetime,
    lease: timedelta,
    limits: RetrainLimits,
) -> Claim | None:
    """The right to retrain for the night of `claim`, under a lease. None: it waits, on record."""
    with writing(engine) as connection:
        waiting = wait(connection, family, claim, now, limits)
        if family not in retrains_on(connection, now).may_start(limits.at_once):
            return None
        slot = waiting.model_copy(update={"fence": waiting.fence + 1, "attempt": 1})
        begun = {
            "state": RunState.RUNNING,
            "fence": slot.fence,
            "attempts": slot.attempt,
            "since": stamp(now),
            "until": stamp(now + lease),
            "started": stamp(now),
        }
        connection.execute(update(table).where(*at(slot.job, slot.date)).values(begun))
        return slot


def ask_turn(engine: Engine, family: str, day: date, now: datetime, limits: RetrainLimits) -> bool:
    """Whether a night may go on: not where its retrain waits and it is not its turn."""
    if not is_waiting(engine, family, day):
        return True
    with writing(engine) as connection:
        alive = {"since": stamp(now), "until": stamp(now + STILL_WAITS)}
        where = (*at(retrain_of(family), day), table.c.state == RunState.WAITING)
        connection.execute(update(table).where(*where).values(alive))
        return family in retrains_on(connection, now).may_start(limits.at_once)


def is_waiting(engine: Engine, family: str, day: date) -> bool:
    """Whether the retrain of a night waits, whoever may ask for it still."""
    known = run_on(engine, retrain_of(family), day)
    return known is not None and known.state is RunState.WAITING


def retrains(engine: Engine, now: datetime) -> Retrains:
    """All of them. Raises IncumbentError when the database cannot be read."""
    with reading(engine) as connection:
        return retrains_on(connection, now)


# --- retrains in the table of runs --------------------------------------------------------------


def wait(
    connection: Connection, family: str, claim: Claim, now: datetime, limits: RetrainLimits
) -> Claim:
    """Let a retrain wait from now on, unless it does already; its own limits stand beside it."""
    job = retrain_of(family)
    known = find(connection, job, claim.date)
    if known and known.state is RunState.RUNNING and known.held(now):
        return claim_of(known)
    row = {
        "state": RunState.WAITING,
        "holder": claim.holder,
        "since": stamp(now),
        "until": stamp(now + STILL_WAITS),
        "started": known.started if known and known.state in BEGUN else stamp(now),
        "ended": None,
        "record": limits.canonical().decode(),
        "problem": None,
    }
    if known:
        connection.execute(update(table).where(*at(job, claim.date)).values(row))
        return claim_of(known).model_copy(update={"holder": claim.holder})
    new = Claim(job=job, date=claim.date, holder=claim.holder, fence=0, attempt=0)
    beside = new.model_dump(mode="json", exclude={"attempt"}) | {"attempts": 0}
    connection.execute(insert(table).values(row | beside))
    return new


def claim_of(run: JobRun) -> Claim:
    return Claim(
        job=run.job, date=run.date, holder=run.holder, fence=run.fence, attempt=run.attempts
    )


def retrains_on(connection: Connection, now: datetime) -> Retrains:
    recent = recent_runs(connection, now)
    waiting = [run for run in recent if run.state is RunState.WAITING and run.held(now)]
    running = [run for run in recent if run.state is RunState.RUNNING and run.held(now)]
    used = [run for run in recent if run.state in SETTLED or run in running]
    return Retrains(
        waiting={family_of(run): run.started for run in waiting},
        running={family_of(run): run.started for run in running},
        started={
            family: tuple(sorted(run.started for run in used if family_of(run) == family))
            for family in {family_of(run) for run in used}
        },
        quotas={
            family_of(run): quota for run in waiting if (quota := limits_of(run).quota) is not None
        },
    )


def recent_runs(connection: Connection, now: datetime) -> list[JobRun]:
    """The retrains that began within a week, and all that are not at their end."""
    named = select(table.c.job).where(table.c.job.startswith(JOB, autoescape=True)).distinct()
    jobs = connection.execute(named).scalars().all()  # of the index alone: records are long
    lately = or_(table.c.state.in_(BEGUN), table.c.started > stamp(now - WEEK))
    rows = connection.execute(select(table).where(table.c.job.in_(jobs), lately))
    return [run_of(row) for row in rows]


def family_of(run: JobRun) -> str:
    return run.job.removeprefix(JOB)


def limits_of(run: JobRun) -> RetrainLimits:
    return RetrainLimits.model_validate_json(run.record) if run.record else RetrainLimits()


def quota_refusal(started: Sequence[datetime], quota: int | None, now: datetime) -> str | None:
    """What a family's quota, after these starts, says against a retrain now; None: nothing."""
    recent = sorted(start for start in started if start > now - WEEK)
    if quota is None or len(recent) < quota:
        return None
    if quota == 0:
        return "the quota of this family is 0 retrains a week"
    free = recent[len(recent) - quota] + WEEK
    return f"the quota of {quota} retrains a week is used up until {readable(stamp(free))}"
