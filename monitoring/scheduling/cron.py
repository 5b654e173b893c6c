"""When a cron line fires, and which dates that makes due.

Fire times are found on the wall clock and only then put into a time zone, so each of them comes
once: one that a change to summer time skips comes as if the clock had gone on, one that a change
back repeats comes the first time.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

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
