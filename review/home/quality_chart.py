"""Where the marks of the chart of quality stand, in units of the SVG that the template makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from review.home.quality import Quality, Step

LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 24  # around the field
WIDTH, HEIGHT = 680, 150
Tone = Literal["good", "bad", "soft"]


@dataclass(frozen=True)
class Mark:
    """One change of the champion in one metric's panel."""

    x: float
    y: float
    top: float | None  # of its interval; None: nothing was measured
    bottom: float | None
    tone: Tone
    rollback: bool
    label: str
    title: str


@dataclass(frozen=True)
class Tick:
    y: float
    label: str


@dataclass(frozen=True)
class Panel:
    """The chart of one metric."""

    metric: str
    width: int
    height: int
    zero: float
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    description: str


def panels(quality: Quality) -> list[Panel]:
    """One a metric, in which all changes of the champion stand in their order."""
    return [panel(metric, quality.steps) for metric in quality.metrics]


def panel(metric: str, steps: Sequence[Step]) -> Panel:
    low, high = reach(metric, steps)
    span = (HEIGHT - TOP - BOTTOM) / (high - low)

    def y(value: float) -> float:
        return round(TOP + (high - value) * span, 1)

    room = (WIDTH - LEFT - RIGHT) / max(len(steps), 1)
    marks = [
        mark(metric, step, round(LEFT + room * (place + 0.5), 1), y)
        for place, step in enumerate(steps)
    ]
    ticks = [Tick(y(value), f"{value:+.3g}") for value in (low, high) if value]
    described = ". ".join(title(metric, step) for step in steps)
    return Panel(metric, WIDTH, HEIGHT, y(0), (*ticks, Tick(y(0), "0")), tuple(marks), described)


def mark(metric: str, step: Step, x: float, y: Callable[[float], float]) -> Mark:
    found = step.differences.get(metric)
    return Mark(
        x=x,
        y=y(found.diff if found else 0),
        top=y(found.upper) if found else None,
        bottom=y(found.lower) if found else None,
        tone=tone(metric, step),
        rollback=step.how == "rollback",
        label=f"v{step.version}",
        title=title(metric, step),
    )


def reach(metric: str, steps: Sequence[Step]) -> tuple[float, float]:
    """The ends of the axis: all intervals and zero are in it."""
    found = [step.differences[metric] for step in steps if metric in step.differences]
    low = min([0.0, *(one.lower for one in found), *(one.diff for one in found)])
    high = max([0.0, *(one.upper for one in found), *(one.diff for one in found)])
    return (low, high) if high > low else (low - 1, high + 1)


def tone(metric: str, step: Step) -> Tone:
    found = step.differences.get(metric)
    if found and found.lower > 0:
        return "good"
    return "bad" if found and found.upper < 0 else "soft"


def title(metric: str, step: Step) -> str:
    """What a mark says, for those who hear the page too."""
    day, found = step.at[:10], step.differences.get(metric)
    if step.how == "rollback":
        return f"{day}: rolled back to v{step.version}"
    if found is None:
        return f"{day}: v{step.version} promoted, {metric} not measured"
    return f"{day}: v{step.version} {found.diff:+.3f} ({found.lower:+.3f} to {found.upper:+.3f})"
