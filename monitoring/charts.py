"""A night's charts: evidence, states, and the champion's quality, night by night."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Self

from monitoring.night_text import VERDICTS, done, reading_text, strongest
from project.html import Axis, Level, Mark, Panel, polyline
from project.records.data import counted
from project.records.drift import Action, ChampionQuality, DriftState, DriftVerdict, Night

LOWEST, HIGHEST = -4, 1  # powers of ten between which evidence is drawn; what is beyond is clipped
SHORTEST = 14  # days that a chart spans, however few nights there were
LETTERS = {Action.NONE: "", Action.LABEL: "L", Action.RETRAIN: "R", Action.REFUSED: "×"}


@dataclass(frozen=True)
class Days:
    """Dates from left to right."""

    width: int
    first: date
    last: date

    @classmethod
    def around(cls, nights: Sequence[Night], width: int) -> Self:
        days = [date.fromisoformat(night.date) for night in nights]
        last = max(days)
        return cls(width, min(*days, last - timedelta(days=SHORTEST - 1)), last)

    @property
    def day(self) -> float:
        """The width of one day."""
        return self.width / ((self.last - self.first).days + 1)

    def x(self, day: str) -> float:
        """The middle of a day."""
        return round(self.day * ((date.fromisoformat(day) - self.first).days + 0.5), 1)

    def ends(self) -> list[tuple[float, str]]:
        return [(0, str(self.first)), (self.width, str(self.last))]


# --- evidence -------------------------------------------------------------------------------------

Measure = Callable[[Night], tuple[float, bool, str] | None]  # value, whether an alarm, words


def overall(nights: Sequence[Night], days: Days, height: int) -> Panel:
    """The strongest signal of each night, on a scale with numbers."""

    def evidence(night: Night) -> tuple[float, bool, str] | None:
        if night.verdict is DriftVerdict.INSUFFICIENT:
            return None
        verdict = VERDICTS[night.verdict].lower()
        return night.evidence, night.verdict is DriftVerdict.DRIFT, f"{verdict}, {night.state}"

    up = scale(height)
    levels = [
        Level(up.at(10.0**power), f"{10.0**power:g}", "grid" if power else "alarm")
        for power in range(LOWEST, HIGHEST + 1)
    ]
    return panel("the strongest signal", nights, days, up, evidence, levels)


def of_signal(signal: str, nights: Sequence[Night], days: Days, height: int) -> Panel:
    """One signal, each night over the window that says most."""

    def evidence(night: Night) -> tuple[float, bool, str] | None:
        top = strongest(r for r in night.readings if r.signal == signal)
        if not top:
            return None
        return top[0].evidence, top[0].verdict is DriftVerdict.DRIFT, reading_text(top[0])

    up = scale(height)
    levels = [
        Level(up.at(10.0**power), kind="grid" if power else "alarm")
        for power in range(LOWEST, HIGHEST + 1)
    ]
    return replace(panel(signal, nights, days, up, evidence, levels), across=days.ends(), radius=2)


def scale(height: int) -> Axis:
    """Evidence upward, by its logarithm."""
    return Axis(10.0**LOWEST, 10.0**HIGHEST, height, log=True, upward=True)


def panel(
    name: str,
    nights: Sequence[Night],
    days: Days,
    up: Axis,
    evidence: Measure,
    levels: Sequence[Level],
) -> Panel:
    """A line for each run of nights that could be tested."""
    marks: list[Mark] = []
    lines: list[str] = []
    values = [(night.date, evidence(night)) for night in nights]
    for tested, run in groupby(values, key=lambda pair: pair[1] is not None):
        if tested:
            reign = [evidence_mark(day, point, days, up) for day, point in run if point]
            marks += reign
            lines.append(polyline((mark.x, mark.y) for mark in reign))
    alarms = sum(mark.shape == "diamond" for mark in marks)
    last = f" The last is {marks[-1].label}." if marks else ""
    return Panel(
        title=name,
        width=days.width,
        height=up.size,
        marks=marks,
        levels=levels,
        lines=lines,
        description=f"{alarms} of {len(marks)} nights are alarms.{last}",
        note=f"{counted(alarms, 'alarm') if alarms else 'no alarms'} in {len(marks)} nights",
    )


def evidence_mark(day: str, reading: tuple[float, bool, str], days: Days, up: Axis) -> Mark:
    value, alarm, words = reading
    x, y, label = days.x(day), up.at(value), f"{day}: {words}"
    return Mark(x, y, label, "diamond", "new") if alarm else Mark(x, y, label)


# --- states ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StateStep:
    """The state that a night ended in: the higher, the more is suspected."""

    x: float
    level: int  # from 1
    letter: str  # of what was done
    tested: bool
    label: str


def steps(nights: Sequence[Night], days: Days) -> list[StateStep]:
    states = list(DriftState)
    return [
        StateStep(
            x=days.x(night.date),
            level=states.index(night.state) + 1,
            letter=LETTERS[night.action],
            tested=night.verdict is not DriftVerdict.INSUFFICIENT,
            label=f"{night.date}: {night.state}; done: {done(night)}",
        )
        for night in nights
    ]


# --- quality --------------------------------------------------------------------------------------

# The champion's quality on fresh labels, night by night.

INTERVAL = 1.645  # standard errors: a central interval of 90 %


def quality_charts(nights: Sequence[Night], width: int, height: int) -> list[Panel]:
    """A chart for each metric that was measured; none where no fresh label was answered."""
    measured = [(night, night.quality) for night in nights if night.quality]
    if not measured:
        return []
    days = Days.around(nights, width)
    metrics = dict.fromkeys(name for _, quality in reversed(measured) for name in quality.scores)
    return [chart(metric, measured, days, height) for metric in metrics]


def chart(
    metric: str, measured: Sequence[tuple[Night, ChampionQuality]], days: Days, height: int
) -> Panel:
    of_metric = [(night, quality) for night, quality in measured if metric in quality.scores]
    up = Axis(*reach(metric, [quality for _, quality in of_metric]), height, upward=True)
    marks, lines = [], []
    levels = [Level(up.at(value), f"{value:.3g}") for value in (up.high, up.low)]
    for _, reign in groupby(of_metric, key=lambda pair: pair[0].champion):
        pairs = list(reign)
        there = [score_mark(metric, *pair, days, up) for pair in pairs]
        marks += there
        lines.append(polyline((mark.x, mark.y) for mark in there))
        levels += dev_line(metric, pairs, days, up)
    return Panel(
        title=metric,
        width=days.width,
        height=height,
        marks=marks,
        levels=levels,
        across=days.ends(),
        lines=lines,
        description=". ".join(mark.label for mark in marks) + ".",
    )


def score_mark(metric: str, night: Night, quality: ChampionQuality, days: Days, up: Axis) -> Mark:
    mean, (low, high) = quality.scores[metric], interval(metric, quality)
    label = f"{night.date}: {metric} {mean:.3f} on {counted(quality.n, 'fresh label')}"
    return Mark(days.x(night.date), up.at(mean), label, reach=(up.at(high), up.at(low)))


def dev_line(
    metric: str, reign: Sequence[tuple[Night, ChampionQuality]], days: Days, up: Axis
) -> list[Level]:
    """What a version scored on dev at its decision, along its reign; nothing where it never did."""
    (first, quality), last = reign[0], reign[-1][0]
    if metric not in quality.dev:
        return []
    half = days.day / 2
    left, right = round(days.x(first.date) - half, 1), round(days.x(last.date) + half, 1)
    value = quality.dev[metric]
    label = f"v{first.champion} on dev, when it was decided on: {metric} {value:.3f}"
    return [Level(up.at(value), kind="base", left=left, right=right, label=label)]


def interval(metric: str, quality: ChampionQuality) -> tuple[float, float]:
    """Of one label alone, its score: there is no error to tell."""
    mean, error = quality.scores[metric], quality.errors.get(metric, 0.0)
    return mean - INTERVAL * error, mean + INTERVAL * error


def reach(metric: str, qualities: Sequence[ChampionQuality]) -> tuple[float, float]:
    """The ends of the scale: all intervals and dev lines are in it."""
    values = [value for quality in qualities for value in interval(metric, quality)]
    values += [quality.dev[metric] for quality in qualities if metric in quality.dev]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
