"""Jobs: when each is due, what it does for a date, and what comes of it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import Connection

from monitoring.scheduling import runs
from monitoring.scheduling.runs import Claim, JobRun
from project.errors import IncumbentError
from project.records.record import Record
from project.settings import Settings
from registry.notices import Notice, put

# --- cron -----------------------------------------------------------------------------------------

# When a cron line fires, and which dates that makes due.
#
# Fire times are found on the wall clock and only then put into a time zone, so each of them comes
# once: one that a change to summer time skips comes as if the clock had gone on, one that a change
# back repeats comes the first time.

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)  # a line that does not fire after it never does
TICK = timedelta(microseconds=1)


class Cron:
    """A cron line of five fields (minute, hour, day, month, weekday) in a time zone."""

    def __init__(self, line: str, timezone: str) -> None:
        """Raises ValueError, saying what is wrong, for no cron line or no time zone."""
        self.zone = zone_of(timezone)
        fields = line.split()
        if len(fields) != 5:
            raise ValueError(f"{line!r} is no cron line: five fields, such as '30 2 * * *'")
        *before, weekday = fields
        try:
            days = weekdays(weekday)
            self.wall = CronTrigger.from_crontab(" ".join([*before, days]), timezone=UTC)
        except ValueError as error:
            raise ValueError(f"{line!r} is no cron line: {error}") from None
        if next(self.after(SOME_DAY), None) is None:
            raise ValueError(f"{line!r} never fires")

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The fire times after a moment, in UTC; none for a line that never fires."""
        # A day earlier: in the hour that a time zone skips, its wall clock jumps ahead.
        wall = moment.astimezone(self.zone).replace(tzinfo=UTC) - timedelta(days=1)
        while (fired := self.wall.get_next_fire_time(None, wall + TICK)) is not None:
            wall = fired
            if (instant := wall.replace(tzinfo=self.zone).astimezone(UTC)) > moment:
                yield instant

    def date(self, fired: datetime) -> date:
        """The logical date of a fire time: the day before it, where the cron line is read."""
        return fired.astimezone(self.zone).date() - timedelta(days=1)


def due(
    cron: Cron, now: datetime, settled: Collection[date], catch_up: timedelta
) -> tuple[date, ...]:
    """The logical dates that fired within `catch_up` of now and are not settled, oldest first.

    A line that fires more than once a day makes its date due once, from the first time on. A date
    waits until it is over in UTC too: in a time zone that is ahead, the line fires before that.
    """
    dates: set[date] = set()
    for fired in cron.after(now - catch_up):
        if fired > now:
            break
        dates.add(cron.date(fired))
    over = {day for day in dates if day < now.astimezone(UTC).date()}
    return tuple(sorted(over.difference(settled)))


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what a bad name raises differs with the name
        raise ValueError(f"{name!r} is no time zone, such as UTC or Europe/Berlin") from None


def weekdays(field: str) -> str:
    """Cron's weekdays by name, for APScheduler counts them from Monday and cron from Sunday."""
    return ",".join(DAYS[day % 7] for part in field.split(",") for day in days_of(part))


def days_of(part: str) -> range:
    """One part of a weekday field, such as *, 5, fri, 1-5 or 1-7/2; 0 and 7 are Sunday."""
    span, slash, step = part.partition("/")
    first, dash, last = ("0", "-", "6") if span == "*" else span.partition("-")
    start, end = day_number(first), day_number(last if dash else first)
    if dash and end == 0:
        end = 7
    if start > end or (slash and not (step.isdecimal() and int(step))):
        raise ValueError(f"{part!r} is no span of weekdays, such as 1-5 or */2")
    return range(start, end + 1, int(step or 1))


def day_number(text: str) -> int:
    name = text.lower()
    number = DAYS.index(name) if name in DAYS else int(name) if name.isdecimal() else -1
    if not 0 <= number <= 7:
        raise ValueError(f"{text!r} is no weekday: 0-7 from Sunday, or sun to sat")
    return number


# --- schedule settings ----------------------------------------------------------------------------

# Section `monitoring.schedule`: when the scheduler does what.


def address_of(health: str) -> tuple[str, int]:
    """Host and port. Raises ValueError."""
    host, colon, port = health.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and int(port) < 2**16):
        raise ValueError(f"{health!r} is no host:port, such as 127.0.0.1:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


def checked(health: str) -> str:
    address_of(health)
    return health


# After so long another process does what one that died was at. Longer than the registry is ever
# away: a run that cannot renew its lease in this time is stopped.
LEASE = timedelta(minutes=10)
HealthAddress = Annotated[str, AfterValidator(checked)]


ANCHORING = "30 3 * * *"  # daily, where registry.anchor says where to; an hour after most nights


class ScheduleParams(Settings):
    """When the scheduler does what, and how it does it."""

    # Cron lines: minute, hour, day, month, weekday from Sunday. A run is about the date before that
    # of `timezone`.
    nightly: str = "30 2 * * *"
    verify: str = "0 4 * * 0"  # when the whole registry is checked, by `registry verify`
    timezone: str = "UTC"  # in which the lines are read, such as Europe/Berlin
    catch_up_days: int = Field(default=7, ge=1, le=366)  # what was missed longer ago stays undone
    # host:port of /healthz and /metrics; :port is for this machine alone.
    health: HealthAddress | None = None

    @model_validator(mode="after")
    def they_are_cron_lines_in_a_time_zone(self) -> Self:
        for line in (self.nightly, self.verify):
            Cron(line, self.timezone)
        return self

    @property
    def lease(self) -> timedelta:
        return LEASE

    @property
    def catch_up(self) -> timedelta:
        return timedelta(days=self.catch_up_days)


# --- jobs -----------------------------------------------------------------------------------------

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
