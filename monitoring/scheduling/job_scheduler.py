"""Jobs for dates, each done once: what is due is claimed, run under a lease, and finished.

The claims lie in the registry, so any number of schedulers may share one, and each may die at any
moment. What makes it tick is in monitoring/scheduling/service.py.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import count, islice
from secrets import token_hex
from threading import Event, Thread
from time import monotonic

from sqlalchemy import Connection, Engine

from monitoring.scheduling import heartbeats, runs
from monitoring.scheduling.job import (
    ATTEMPTS,
    Cron,
    Job,
    JobResult,
    NotYetError,
    ScheduleParams,
    WrongMachineError,
    due,
    fail,
    finish,
    wait_after,
)
from monitoring.scheduling.runs import Claim, LostLeaseError, renew
from project.canonical import stamp
from project.errors import IncumbentError, StoppedError
from registry.storage.database import writing

LATE = timedelta(hours=1)  # between two looks at what came late, where nothing is due
LONGEST_PAUSE = 30.0  # seconds between two tries to write to a database that is away

log = logging.getLogger(__name__)


class Scheduler:
    """Does what is due. `stop` and `beat` may be called while `tick` runs in another thread."""

    def __init__(
        self,
        params: ScheduleParams,
        jobs: Sequence[Job],
        engine: Engine,
        *,
        clock: Callable[[], datetime],
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """pause waits for some seconds, by default or until the stop."""
        self.params = params
        self.jobs = jobs
        self.engine = engine
        self.clock = clock
        self.stopping = Event()
        self.pause = self.stopping.wait if pause is None else pause
        self.holder = new_holder()
        self.claim: Claim | None = None  # what it is at
        self.asked_late: dict[str, datetime] = {}  # when a job was asked for late dates, by name
        self.refused: dict[str, str] = {}  # why this machine must not do a job, by its name
        self.stop_claim = Event()

    def tick(self) -> None:
        """Run all that is due. What fails is recorded and logged, and a later tick tries again."""
        for job in self.jobs:
            try:
                self.catch_up(job)
            except WrongMachineError as error:
                self.refuse(job, str(error))
            except IncumbentError as error:
                log.error("%s: %s", job.name, error)

    def catch_up(self, job: Job) -> None:
        """Run a job for each date that it is due for or was begun for, oldest first.

        A later date waits until the earlier one is finished or given up, by whomever: what a night
        concludes rests on the nights before. So finished dates that have to be done again, for
        their data came late, come first. They are looked for each hour where nothing is due too:
        a machine that sees less than this one may have settled all dates.
        """
        now = self.clock()
        missing = missing_dates(self.engine, job.name, job.cron, now, self.params.catch_up)
        asked = self.asked_late.get(job.name)
        rests = asked is not None and abs(now - asked) < LATE
        nothing_to_do = not missing and job.name not in self.refused and rests
        if nothing_to_do or self.stopping.is_set():
            return
        job.admit()
        self.refused.pop(job.name, None)
        self.asked_late[job.name] = now
        late = job.late(bool(missing))
        for day in sorted({*missing, *late}):
            if not self.run(job, day, again=late.get(day)):
                return

    def run(self, job: Job, date: date, *, insist: bool = False, again: str | None = None) -> bool:
        """Run a job for one date; whether that is finished or given up now.

        False when it is not for this process to run now, was stopped, or has to wait for a retry or
        its turn. A person may insist on a date that waits or was given up; `again` says why a
        finished one is run again. Raises WrongMachineError where this machine must not do the job.
        """
        if self.stopping.is_set():
            return False
        job.admit()
        if not (insist or job.ask_turn(date)):
            return False
        lease = self.params.lease
        claim = runs.claim(
            self.engine,
            job.name,
            date,
            self.holder,
            self.clock(),
            lease,
            insist=insist,
            again=again,
        )
        if claim is None:
            return False
        log.info("%s: begins", claim, extra=about(claim))
        try:
            with self.doing(claim) as stop:
                return self.settle(claim, self.attempt(job, claim, stop), insist)
        except LostLeaseError as error:
            log.error("%s", error, extra=about(claim))
            return False

    def stop(self) -> None:
        """Begin nothing more, and ask the run that is on to stop."""
        self.stopping.set()
        self.stop_claim.set()

    def beat(self) -> None:
        """Leave a sign of life, with what comes next."""
        now = self.clock()
        at, name = next_run(((job.name, job.cron) for job in self.jobs), now)
        heartbeat = heartbeats.Heartbeat(
            holder=self.holder,
            at=stamp(now),
            doing=str(self.claim) if self.claim else None,
            next_job=name,
            next_at=at,
            refuses="; ".join(self.refused.values()) or None,
        )
        heartbeats.beat(self.engine, heartbeat)

    # --- one run of a job, and when the next is due ---------------------------------------------

    def refuse(self, job: Job, problem: str) -> None:
        """Keep why this machine does not do a job, and log it once."""
        if self.refused.get(job.name) != problem:
            log.error("%s: %s", job.name, problem)
        self.refused[job.name] = problem

    @contextmanager
    def doing(self, claim: Claim) -> Iterator[Event]:
        """Hold a claim until the block ends; yields what asks its run to stop."""
        self.claim, self.stop_claim = claim, Event()
        if self.stopping.is_set():  # since before the event was there to be set
            self.stop_claim.set()
        try:
            with held(self.engine, claim, self.clock, self.params.lease, self.stop_claim):
                yield self.stop_claim
        finally:
            self.claim = None

    def attempt(self, job: Job, claim: Claim, stop: Event) -> JobResult | Exception:
        """What a job makes, or what it fails with."""
        if claim.attempt > ATTEMPTS:
            return IncumbentError("the process died in each attempt")
        try:
            return job.work(claim, stop)
        except KeyboardInterrupt:
            self.stop()
            return StoppedError("interrupted")
        except Exception as error:  # whatever it is, it is recorded and the next night comes
            return error

    def settle(self, claim: Claim, result: JobResult | Exception, insist: bool) -> bool:
        """Keep what came of a claim; returns whether its date is over. Raises LostLeaseError."""
        now = self.clock()
        if isinstance(result, JobResult):
            self.persist(lambda connection: finish(connection, claim, now, result))
            log.info("%s: finished", claim, extra=about(claim))
            return True
        if isinstance(result, StoppedError | WrongMachineError | NotYetError):  # nothing failed
            why = str(result)
            self.persist(lambda connection: runs.release(connection, claim, now, why))
            log.info("%s: %s; it is given back", claim, result, extra=about(claim))
            return False
        wait = wait_after(claim.attempt, result)
        unforeseen = None if isinstance(result, IncumbentError) else result
        if unforeseen or not insist:  # a person who insists is told of it by the command
            again = f"again in {wait}" if wait and not insist else "given up"
            log.error("%s: %s; %s", claim, result, again, exc_info=unforeseen, extra=about(claim))
        self.persist(lambda connection: fail(connection, claim, now, result, wait))
        return wait is None

    def persist(self, change: Callable[[Connection], None]) -> None:
        """Write what must not be lost: a database that is away is waited for, until the stop.

        Raises LostLeaseError when somebody else has the claim, and IncumbentError after the stop.
        """
        for tried in count():
            try:
                with writing(self.engine) as connection:
                    change(connection)
                return
            except LostLeaseError:
                raise
            except IncumbentError as error:
                if self.stopping.is_set():
                    raise
                log.warning("%s; it is tried again", error)
            self.pause(min(2.0**tried, LONGEST_PAUSE))


def new_holder() -> str:
    """A name of this process and no other."""
    return f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}"


def missing_dates(
    engine: Engine, job: str, cron: Cron, now: datetime, reach: timedelta
) -> set[date]:
    """The dates that a job is due for, or was begun for, and that are not at their end."""
    settled = runs.settled(engine, job, cron.date(now - reach))
    begun = runs.begun(engine, job)  # also when it is out of reach by now
    return {*due(cron, now, settled, reach), *begun}


def next_run(jobs: Iterable[tuple[str, Cron]], now: datetime) -> tuple[str | None, str | None]:
    """When the next of these jobs is due, and which it is; None where there is none."""
    coming = [(stamp(at), name) for name, cron in jobs for at in islice(cron.after(now), 1)]
    return min(coming, default=(None, None))


def about(claim: Claim) -> dict[str, object]:
    """What a log line says beside its message."""
    return claim.model_dump(mode="json", include={"job", "date", "attempt"})


# --- lease ----------------------------------------------------------------------------------------

# A lease that is renewed in the background for as long as its run takes.

RENEWALS = 3  # in the time that a lease lasts


@contextmanager
def held(
    engine: Engine, claim: Claim, clock: Callable[[], datetime], lease: timedelta, stop: Event
) -> Iterator[None]:
    """Renew a claim's lease until the block ends; set `stop` once it is, or may be, lost."""
    done = Event()

    def keep() -> None:
        renewed = monotonic()
        while not (done.wait(lease.total_seconds() / RENEWALS) or stop_of(renewed)):
            try:
                renew(engine, claim, clock(), lease)
                renewed = monotonic()
            except LostLeaseError as error:
                log.error("%s", error)
                stop.set()
                return
            except IncumbentError as error:
                log.warning("%s: its lease was not renewed: %s", claim, error)

    def stop_of(renewed: float) -> bool:
        if monotonic() - renewed <= lease.total_seconds():
            return False
        log.error("%s: its lease ran out, and somebody else may have begun", claim)
        stop.set()
        return True

    thread = Thread(target=keep, name=f"lease of {claim}")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
