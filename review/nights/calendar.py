"""A year at a glance: a square for each day, a column for each week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from review.nights.stored_nights import NightLine, NightStatus

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
