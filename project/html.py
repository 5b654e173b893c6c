"""HTML and the marks of charts in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import floor, log10
from pathlib import Path
from typing import Any, Literal

import jinja2

# --- html -----------------------------------------------------------------------------------------

# HTML pages that are one file each: no script, font or picture from anywhere else.

SHARED = Path(__file__).parent / "templates"


def render(template: Path, **values: Any) -> str:
    """Fill in a template that extends page.html; every value is escaped."""
    return environment_of(template.parent).get_template(template.name).render(values)


@cache
def environment_of(folder: Path) -> jinja2.Environment:
    """Made once for each folder of templates: it keeps what it compiled, which takes a while."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


# --- chart marks ----------------------------------------------------------------------------------

# A chart as a short description: marks, lines and levels on two axes. panel.html draws it.

Shape = Literal["dot", "ring", "diamond", "square", "cross"]  # no meaning is in a colour alone


@dataclass(frozen=True)
class Axis:
    """Numbers from low to high, over so many units; what is beyond stands at the ends."""

    low: float
    high: float
    size: float
    log: bool = False
    upward: bool = False  # in SVG, y grows downward

    def at(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        low, high, here = (log10(n) if self.log else n for n in (self.low, self.high, inside))
        share = (here - low) / (high - low) if high > low else 0.5
        return round(self.size * (1 - share if self.upward else share), 1)

    def ticks(self, count: int = 4) -> list[tuple[float, str]]:
        """Positions, and the numbers there."""
        if self.log:
            step = (log10(self.high) - log10(self.low)) / (count - 1)
            values = [10 ** (log10(self.low) + i * step) for i in range(count)]
        else:
            values = [self.low + i * (self.high - self.low) / (count - 1) for i in range(count)]
        return [(self.at(value), short_number(value)) for value in values]

    def grid(self, count: int = 4) -> list["Level"]:
        """A line with its number for each tick, of an axis that goes upward."""
        return [Level(y, text) for y, text in self.ticks(count)]


@dataclass(frozen=True)
class Mark:
    """One value, and what to say of it."""

    x: float
    y: float
    label: str
    shape: Shape = "dot"
    tone: str = ""  # a class: good, bad, soft …
    reach: tuple[float, float] | None = None  # y of the ends of its interval
    name: str = ""  # below it, at the foot of the panel


@dataclass(frozen=True)
class Level:
    """A line from left to right."""

    y: float
    text: str = ""  # at its left
    kind: Literal["grid", "alarm", "base", "zero", "none"] = "grid"  # none: its text alone
    left: float = 0
    right: float | None = None  # None: all across
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """A chart, without the room around it that its texts take."""

    title: str
    width: float
    height: float
    marks: Sequence[Mark]
    levels: Sequence[Level] = ()
    across: Sequence[tuple[float, str]] = ()  # ticks below
    lines: Sequence[str] = ()  # points of polylines
    band: str = ""  # points of a polygon
    below: str = ""  # what the axis below is
    description: str = ""
    note: str = ""  # behind the title
    radius: float = 3  # of a dot


def polyline(places: Iterable[tuple[float, float]]) -> str:
    """The points of a line, as SVG writes them."""
    return " ".join(f"{x},{y}" for x, y in places)


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """The least and the largest of them, with some room."""
    low, high = min(values), max(values)
    room = share * (high - low) or abs(high) * share or 1.0
    return low - room, high + room


def short_number(value: float) -> str:
    """A number with three digits, and no more zeros than it takes."""
    if value == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
