"""What a scheduler does for a date, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Event

from sqlalchemy import Connection

from monitoring.scheduling import runs
from monitoring.scheduling.cron import Cron
from monitoring.scheduling.runs import Claim, JobRun
from project.errors import IncumbentError
from project.records.record import Record
from registry.notices import Notice, put

ATTEMPTS = 5  # at one date; then people are notified, and only a person starts it again
FIRST_WAIT = timedelta(minutes=5)  # before the second attempt; then four times as long each time


class NotYetError(IncumbentError):
    """A job cannot go on before others have: it is given back, and keeps its place among them."""


class UnchangedError(IncumbentError):
    """A job failed, and will fail in the same way until a person changes something."""


class WrongMachineError(IncumbentError):
    """This machine must not do a job: what the job works with is not here."""


@dataclass(frozen=True)
class JobResult:
    """What a run made: kept as its record, in one transaction with the notices about it."""

    record: Record | str
    notices: tuple[Notice, ...] = ()

    @property
    def text(self) -> str:
        return self.record if isinstance(self.record, str) else self.record.canonical().decode()


class Figures(Record):
    """What is counted and shown of one finished run; None where it has no such thing."""

    verdict: str  # such as drift, no_drift, insufficient
    had_data: bool | None = None  # whether there was anything to look at
    evidence: float | None = None
    threshold: float | None = None  # for the evidence
    retrain: str | None = None  # its outcome, such as promoted; None: there was none
    blind: str | None = None  # why nothing could be told, and since when; None: it could


# Runs a job for the date of a claim. When the event is set it raises StoppedError as soon as it
# can. What it writes on the way is guarded by the claim (runs.guard) or safe to
# repeat, for a process that dies is followed by another one that begins anew.
Work = Callable[[Claim, Event], JobResult]


@dataclass(frozen=True)
class Job:
    """Work to be done at a cron line's times, once for each date."""

    name: str
    cron: Cron
    work: Work
    figures: Callable[[JobRun], Figures | None] = lambda _: None  # of a finished run, for /metrics
    # Raises WrongMachineError where this machine must not do it; asked before each claim.
    admit: Callable[[], None] = lambda: None
    # Finished dates that have to be done again, each with the reason. Asked for all when a date is
    # due, and each hour for those alone that had no data (False): to look at these is quick.
    late: Callable[[bool], Mapping[date, str]] = lambda _: {}
    # Whether a date may go on, or has to wait for others; asked before each claim.
    ask_turn: Callable[[date], bool] = lambda _: True


def finish(connection: Connection, claim: Claim, now: datetime, outcome: JobResult) -> None:
    """Keep what a run made and its notices. Raises LostLeaseError when somebody else has it."""
    runs.finish(connection, claim, now, outcome.text)
    for notice in outcome.notices:
        put(connection, notice, now)


def fail(
    connection: Connection, claim: Claim, now: datetime, error: Exception, wait: timedelta | None
) -> None:
    problem = (
        str(error) if isinstance(error, IncumbentError) else f"{type(error).__name__}: {error}"
    )
    runs.fail(connection, claim, now, problem, wait)
    if wait is None:
        key = f"{claim.job} {claim.date} given up {claim.fence}"
        text = f"{claim} failed and was given up: {problem}"
        family = claim.job.partition(" ")[2] or None  # as jobs are named
        path = f"/nights/{claim.date}" if claim.job.startswith("nightly ") else None
        notice = Notice(key=key, kind="run-failed", text=text, family=family, path=path)
        put(connection, notice, now)


def wait_after(attempt: int, error: Exception) -> timedelta | None:
    """5 min, 20 min, 80 min, 5 h 20 min; None after enough attempts, or for an unchanged error."""
    if isinstance(error, UnchangedError):
        return None
    return FIRST_WAIT * 4.0 ** (attempt - 1) if attempt < ATTEMPTS else None
