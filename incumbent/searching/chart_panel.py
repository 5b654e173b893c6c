"""Where the marks of a chart stand, in units of the SVG that the template makes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, log10
from typing import Literal

Kind = Literal["tried", "best", "own"]


@dataclass(frozen=True)
class Axis:
    """Numbers from low to high, over so many units."""

    low: float
    high: float
    size: float
    log: bool = False
    upward: bool = False  # in SVG, y grows downward

    def at(self, value: float) -> float:
        low, high, here = (log10(n) if self.log else n for n in (self.low, self.high, value))
        share = (here - low) / (high - low) if high > low else 0.5
        return round(self.size * (1 - share if self.upward else share), 1)

    def ticks(self, count: int = 4) -> list[tuple[float, str]]:
        """Positions, and the numbers there."""
        if self.log:
            step = (log10(self.high) - log10(self.low)) / (count - 1)
            values = [10 ** (log10(self.low) + i * step) for i in range(count)]
        else:
            values = [self.low + i * (self.high - self.low) / (count - 1) for i in range(count)]
        return [(self.at(value), number(value)) for value in values]


@dataclass(frozen=True)
class Mark:
    x: float
    y: float
    label: str
    kind: Kind = "tried"


@dataclass(frozen=True)
class Panel:
    """A chart: marks over two axes, with lines and an area where there are some."""

    title: str
    width: float
    height: float
    across: Sequence[tuple[float, str]]  # ticks
    up: Sequence[tuple[float, str]]
    marks: Sequence[Mark]
    bars: Sequence[tuple[float, float, float]] = field(default=())  # x, and y from and to
    line: str = ""  # points of a polyline
    area: str = ""  # points of a polygon
    level: float | None = None  # y of a line all across
    below: str = ""  # what the axis below is


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """The least and the largest of them, with some room."""
    low, high = min(values), max(values)
    room = share * (high - low) or abs(high) * share or 1.0
    return low - room, high + room


def number(value: float) -> str:
    """With three digits, and no more zeros than it takes."""
    if value == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
