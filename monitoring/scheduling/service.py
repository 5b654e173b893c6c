"""The scheduler as a service: it ticks, notifies, shows its health, and ends when asked to."""

import json
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from monitoring.scheduling.health import pages_of, serving
from monitoring.scheduling.heartbeats import farewell
from monitoring.scheduling.job import Job, ScheduleParams, WrongMachineError, address_of
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.notice_delivery import NoticeParams, deliver
from monitoring.scheduling.outbox import revive
from monitoring.scheduling.webhook import secret_here
from project.canonical import stamp
from project.errors import IncumbentError

TICK = timedelta(seconds=20)  # between two looks at what is due, and two signs of life

log = logging.getLogger(__name__)


def serve(
    params: ScheduleParams,
    jobs: Sequence[Job],
    engine: Engine,
    notices: NoticeParams,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    once: bool = False,
    page: str | None = None,
    family: str | None = None,
) -> None:
    """Do what is due, until SIGTERM or SIGINT, or just once. `page` is the address of the review
    page, which notices link to, and `family` whose notices are sent; None: all.

    Runs in the main thread, whose signals it handles: a run that is on is asked to stop and waited
    for, and then it returns. Raises InputError for an address that cannot be used and, where it is
    to do what is due just once, WrongMachineError for a job that this machine must not do.
    """
    notices.url(), secret_here()  # rather now than in the night
    log_to_stderr()
    scheduler = Scheduler(params, jobs, engine, clock=clock)

    def send() -> None:
        deliver(engine, notices, clock, page, family)

    with terminable(scheduler):
        if once:
            scheduler.tick()
            send()
            if scheduler.refused:  # here nobody sees a heartbeat that says so
                raise WrongMachineError("; ".join(scheduler.refused.values()))
            return
        with showing(params, scheduler), ticking(scheduler, send) as ticker:
            log.info("scheduler %s runs", scheduler.holder)
            while True:
                threading.Event().wait(TICK.total_seconds())
                unstick(ticker, datetime.now(UTC))


class Stoppable(Protocol):
    """A scheduler of whichever kind."""

    holder: str

    def stop(self) -> None:
        """Begin nothing more, and ask what is on to stop."""


@contextmanager
def terminable(scheduler: Stoppable) -> Iterator[None]:
    """SIGTERM and SIGINT end the block in order; the second one changes nothing."""

    def end(*_: object) -> None:
        for number in before:
            signal.signal(number, lambda *_: None)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for number in before:
            signal.signal(number, end)
        yield
    except KeyboardInterrupt:
        scheduler.stop()
        log.info("scheduler %s was asked to end, and did", scheduler.holder)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ticking(scheduler: Scheduler, send: Callable[[], None]) -> Iterator[BackgroundScheduler]:
    """Do all that comes again and again, each in a thread of its own, until the block ends.

    The jobs live in memory: what must survive is in the registry.
    """
    engine, clock = scheduler.engine, scheduler.clock
    calmly(lambda: revive(engine, clock()))()
    # However late it is, and however many times were missed: one run, now.
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    ticker = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
    for work in (scheduler.beat, scheduler.tick, send):
        seconds, now = TICK.total_seconds(), datetime.now(UTC)
        ticker.add_job(calmly(work), "interval", seconds=seconds, next_run_time=now)
    ticker.start()
    try:
        yield ticker
    finally:
        scheduler.stop()
        ticker.shutdown(wait=True)
        calmly(lambda: farewell(engine, scheduler.holder))()


def unstick(ticker: BackgroundScheduler, now: datetime) -> None:
    """APScheduler waits on the wall clock: set back by a day, it would not tick for a day."""
    for job in ticker.get_jobs():
        if job.next_run_time > now + 2 * TICK:
            log.warning("the clock was set back")
            job.modify(next_run_time=now)


def calmly(work: Callable[[], object]) -> Callable[[], None]:
    """Work whose known failures are logged: the next tick tries again."""

    def run() -> None:
        try:
            work()
        except IncumbentError as error:
            log.error("%s", error)

    return run


def showing(params: ScheduleParams, scheduler: Scheduler) -> AbstractContextManager[object]:
    """The pages of health and metrics, where they are asked for."""
    if params.health is None:
        return nullcontext()
    pages = pages_of(scheduler.engine, scheduler.jobs, scheduler.holder, scheduler.clock)
    return serving(address_of(params.health), pages)


class JobLogFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and of a run its job, date, attempt."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": stamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        about = ("job", "date", "attempt")
        line |= {name: getattr(record, name) for name in about if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr() -> None:
    """Write the log as JSON lines, unless somebody has said already where it goes."""
    handler = logging.StreamHandler()
    handler.setFormatter(JobLogFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    tell_own_progress()
    # It tells of each tick that finds the one before it still at work.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


def tell_own_progress() -> None:
    """Log how far our own work is; libraries log theirs at the same level, for their authors."""
    for package in ("incumbent", "monitoring"):
        logging.getLogger(package).setLevel(logging.INFO)
