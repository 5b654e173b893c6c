"""The nights as the registry keeps them, those that failed or are not at their end among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from sqlalchemy import Engine

from monitoring.night_history import KeptNight, check_job, nightly_of, nights_between
from monitoring.report.night_text import VERDICTS, done
from monitoring.scheduling.runs import RunState, span_of
from project.records.drift import Night
from project.records.record import Record

SHOWN = timedelta(days=90)  # before a night, in the charts of its page
LONGEST = timedelta(days=400)


class NightStatus(StrEnum):
    """What a date's night came to, or why it has no verdict."""

    DRIFT = "drift"
    NO_DRIFT = "no_drift"
    INSUFFICIENT = "insufficient"
    FAILED = "failed"
    UNFINISHED = "unfinished"  # somebody is at it, or it waits for its next attempt


STATUSES = {
    NightStatus.DRIFT: "drift",
    NightStatus.NO_DRIFT: "no drift",
    NightStatus.INSUFFICIENT: "not enough data",
    NightStatus.FAILED: "the check failed",
    NightStatus.UNFINISHED: "not finished yet",
}


class NightLine(Record):
    """One date in a list of nights. Fields of a night are None where it has no verdict."""

    date: date
    status: NightStatus
    words: str  # the status in words
    state: str | None = None
    evidence: float | None = None  # of the strongest signal; 1 or more is an alarm
    rows: int | None = None
    champion: int | None = None  # that was watched; None: the bare base, or no verdict
    challenger: int | None = None
    done: str | None = None
    problem: str | None = None

    def __str__(self) -> str:
        return f"{self.date}: {self.words}" + (f", {self.state}" if self.state else "")


def lines_between(engine: Engine, family: str, first: date, last: date) -> tuple[NightLine, ...]:
    """Every date with a night, the oldest first."""
    return tuple(map(line_of, reversed(nights_between(engine, family, first, last))))


def nights_up_to(engine: Engine, family: str, day: date) -> tuple[Night, ...]:
    """A day's night, if it has a verdict, behind those that a chart shows before it."""
    first = day - min(SHOWN, day - date.min)
    kept = reversed(nights_between(engine, family, first, day))
    return tuple(night for one in kept if (night := one.verdict))


def newest_lines(engine: Engine, family: str, limit: int) -> tuple[NightLine, ...]:
    """The last dates with a night, the newest first; of those more than a year back none."""
    if (span := span_of(engine, nightly_of(family)) or span_of(engine, check_job(family))) is None:
        return ()
    last = span[1]
    return lines_between(engine, family, last - min(LONGEST, last - date.min), last)[
        : -limit - 1 : -1
    ]


def years_of(engine: Engine, family: str) -> tuple[int, ...]:
    """The years with nights, the oldest first."""
    spans = [span_of(engine, job(family)) for job in (nightly_of, check_job)]
    known = [day.year for span in spans if span for day in span]
    return tuple(range(min(known), max(known) + 1)) if known else ()


# --- one level down -----------------------------------------------------------------------------


def line_of(kept: KeptNight) -> NightLine:
    day, night, end = kept.day, kept.verdict, kept.end
    if night is None:
        gone = end is not None and end.state is RunState.FAILED
        status = NightStatus.FAILED if gone else NightStatus.UNFINISHED
        problem = end.problem if end else None
        return NightLine(date=day, status=status, words=STATUSES[status], problem=problem)
    status = NightStatus(night.verdict.value)
    return NightLine(
        date=day,
        status=status,
        words=VERDICTS[night.verdict].lower(),
        state=night.state.value,
        evidence=night.evidence,
        rows=night.rows,
        champion=night.champion,
        challenger=night.challenger,
        done=done(night),
        problem=end.problem if end and end.state is not RunState.FINISHED else None,
    )


# --- calendar -------------------------------------------------------------------------------------

# A year at a glance: a square for each day, a column for each week.

CELL, GAP = 14, 2  # of a square and of the space between two, in units of the SVG
LEFT, TOP = 30, 18  # room for the names of weekdays and months
# A colour never stands alone: what is not calm has a letter too.
LETTERS = {
    NightStatus.DRIFT: "D",
    NightStatus.INSUFFICIENT: "?",
    NightStatus.FAILED: "×",
    NightStatus.UNFINISHED: "…",
}


@dataclass(frozen=True)
class Square:
    """One day; line is None where it has no night."""

    x: int
    y: int
    line: NightLine | None

    @property
    def letter(self) -> str:
        return LETTERS.get(self.line.status, "") if self.line else ""


@dataclass(frozen=True)
class Month:
    """One month: where its name stands, and its nights, the oldest first."""

    first: date
    x: int
    lines: Sequence[NightLine]

    @property
    def name(self) -> str:
        return f"{self.first:%B}"

    @property
    def alarms(self) -> int:
        return sum(line.status is NightStatus.DRIFT for line in self.lines)


@dataclass(frozen=True)
class Year:
    number: int
    squares: Sequence[Square]
    months: Sequence[Month]

    @property
    def width(self) -> int:
        return max(square.x for square in self.squares) + CELL + 1

    @property
    def height(self) -> int:
        return TOP + 7 * (CELL + GAP)

    @property
    def nights(self) -> int:
        return sum(len(month.lines) for month in self.months)

    @property
    def alarms(self) -> int:
        return sum(month.alarms for month in self.months)


def year_of(number: int, lines: Sequence[NightLine]) -> Year:
    """Lay a year's nights out, weeks from Monday on."""
    known = {line.date: line for line in lines}
    first = date(number, 1, 1)
    days = [first + timedelta(days=i) for i in range((date(number, 12, 31) - first).days + 1)]
    return Year(
        number=number,
        squares=[Square(left(day), top(day), known.get(day)) for day in days],
        months=[month_of(date(number, month, 1), known) for month in range(1, 13)],
    )


def month_of(first: date, known: Mapping[date, NightLine]) -> Month:
    own = [line for day, line in sorted(known.items()) if day.month == first.month]
    return Month(first, left(first), own)


def left(day: date) -> int:
    week = (day.timetuple().tm_yday - 1 + date(day.year, 1, 1).weekday()) // 7
    return LEFT + week * (CELL + GAP)


def top(day: date) -> int:
    return TOP + day.weekday() * (CELL + GAP)
