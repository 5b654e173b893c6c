"""Where the marks of a night's charts stand, in units of the SVG that the template makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from math import log10
from typing import Self

from monitoring.report.night_text import VERDICTS, done, reading_text, strongest
from project.records.data import counted
from project.records.drift import Action, DriftState, DriftVerdict, Night, Quality

LOWEST, HIGHEST = -4, 1  # powers of ten between which evidence is drawn; what is beyond is clipped
SHORTEST = 14  # days that a chart spans, however few nights there were
LETTERS = {Action.NONE: "", Action.LABEL: "L", Action.RETRAIN: "R", Action.REFUSED: "×"}


@dataclass(frozen=True)
class Frame:
    """The field of a chart: dates from left to right, evidence upward by its logarithm."""

    width: int
    height: int
    first: date
    last: date

    @classmethod
    def around(cls, nights: Sequence[Night], width: int, height: int) -> Self:
        days = [date.fromisoformat(night.date) for night in nights]
        last = max(days)
        return cls(width, height, min(*days, last - timedelta(days=SHORTEST - 1)), last)

    @property
    def day(self) -> float:
        """The width of one day."""
        return self.width / ((self.last - self.first).days + 1)

    def x(self, day: str) -> float:
        """The middle of a day."""
        return round(self.day * ((date.fromisoformat(day) - self.first).days + 0.5), 1)

    def y(self, evidence: float) -> float:
        power = min(log10(max(evidence, 10.0**LOWEST)), HIGHEST)
        return round(self.height * (HIGHEST - power) / (HIGHEST - LOWEST), 1)


@dataclass(frozen=True)
class Mark:
    """One night's evidence, and what to say of it."""

    x: float
    y: float
    alarm: bool
    label: str


@dataclass(frozen=True)
class Series:
    """The evidence of one signal, or of the strongest, night by night."""

    name: str
    frame: Frame
    marks: Sequence[Mark]
    lines: Sequence[str]  # a polyline's points, for each run of nights that could be tested
    alarms: int


@dataclass(frozen=True)
class StateStep:
    """The state that a night ended in: the higher, the more is suspected."""

    x: float
    level: int  # from 1
    letter: str  # of what was done
    tested: bool
    label: str


Measure = Callable[[Night], tuple[float, bool, str] | None]  # value, whether an alarm, words


def overall(nights: Sequence[Night], frame: Frame) -> Series:
    """The strongest signal of each night."""

    def evidence(night: Night) -> tuple[float, bool, str] | None:
        if night.verdict is DriftVerdict.INSUFFICIENT:
            return None
        verdict = VERDICTS[night.verdict].lower()
        return night.evidence, night.verdict is DriftVerdict.DRIFT, f"{verdict}, {night.state}"

    return series("the strongest signal", nights, frame, evidence)


def of_signal(signal: str, nights: Sequence[Night], frame: Frame) -> Series:
    """One signal, each night over the window that says most."""

    def evidence(night: Night) -> tuple[float, bool, str] | None:
        found = strongest(r for r in night.readings if r.signal == signal)
        if not found:
            return None
        return found[0].evidence, found[0].verdict is DriftVerdict.DRIFT, reading_text(found[0])

    return series(signal, nights, frame, evidence)


def series(name: str, nights: Sequence[Night], frame: Frame, evidence: Measure) -> Series:
    marks: list[Mark] = []
    lines: list[str] = []
    values = [(night.date, evidence(night)) for night in nights]
    for tested, run in groupby(values, key=lambda pair: pair[1] is not None):
        if tested:
            own = [
                Mark(frame.x(day), frame.y(found[0]), found[1], f"{day}: {found[2]}")
                for day, found in run
                if found is not None
            ]
            marks += own
            lines.append(" ".join(f"{mark.x},{mark.y}" for mark in own))
    return Series(name, frame, marks, lines, sum(mark.alarm for mark in marks))


def steps(nights: Sequence[Night], frame: Frame) -> list[StateStep]:
    states = list(DriftState)
    return [
        StateStep(
            x=frame.x(night.date),
            level=states.index(night.state) + 1,
            letter=LETTERS[night.action],
            tested=night.verdict is not DriftVerdict.INSUFFICIENT,
            label=f"{night.date}: {night.state}; done: {done(night)}",
        )
        for night in nights
    ]


# --- quality chart --------------------------------------------------------------------------------

# The champion's quality on fresh labels, night by night: where the marks of its charts stand.

INTERVAL = 1.645  # standard errors: a central interval of 90 %


@dataclass(frozen=True)
class ScoreMark:
    """One night's mean, with its interval."""

    x: float
    y: float
    top: float
    bottom: float
    label: str


@dataclass(frozen=True)
class DevLine:
    """What a version scored on dev when it was decided on, along the nights of its reign."""

    left: float
    right: float
    y: float
    label: str


@dataclass(frozen=True)
class Tick:
    y: float
    label: str


@dataclass(frozen=True)
class QualityChart:
    metric: str
    frame: Frame
    marks: Sequence[ScoreMark]
    lines: Sequence[str]  # a polyline's points, for each version
    dev: Sequence[DevLine]
    ticks: Sequence[Tick]  # the ends of the scale
    description: str


def quality_charts(nights: Sequence[Night], width: int, height: int) -> list[QualityChart]:
    """A chart for each metric that was measured; none where no fresh label was answered."""
    measured = [(night, night.quality) for night in nights if night.quality]
    if not measured:
        return []
    frame = Frame.around(nights, width, height)
    metrics = dict.fromkeys(name for _, quality in reversed(measured) for name in quality.scores)
    return [chart(metric, measured, frame) for metric in metrics]


def chart(metric: str, measured: Sequence[tuple[Night, Quality]], frame: Frame) -> QualityChart:
    own = [(night, quality) for night, quality in measured if metric in quality.scores]
    low, high = reach(metric, [quality for _, quality in own])

    def y(value: float) -> float:
        return round(frame.height * (high - value) / (high - low), 1)

    marks, lines, dev = [], [], []
    for _, reign in groupby(own, key=lambda pair: pair[0].champion):
        pairs = list(reign)
        there = [score_mark(metric, *pair, frame, y) for pair in pairs]
        marks += there
        lines.append(" ".join(f"{mark.x},{mark.y}" for mark in there))
        dev += dev_line(metric, pairs, frame, y)
    return QualityChart(
        metric=metric,
        frame=frame,
        marks=marks,
        lines=lines,
        dev=dev,
        ticks=[Tick(y(value), f"{value:.3g}") for value in (high, low)],
        description=". ".join(mark.label for mark in marks),
    )


# --- one level down -----------------------------------------------------------------------------


def score_mark(
    metric: str, night: Night, quality: Quality, frame: Frame, y: Callable[[float], float]
) -> ScoreMark:
    mean, (low, high) = quality.scores[metric], interval(metric, quality)
    label = f"{night.date}: {metric} {mean:.3f} on {counted(quality.n, 'fresh label')}"
    return ScoreMark(frame.x(night.date), y(mean), y(high), y(low), label)


def dev_line(
    metric: str,
    reign: Sequence[tuple[Night, Quality]],
    frame: Frame,
    y: Callable[[float], float],
) -> list[DevLine]:
    """None where the version was never decided on."""
    (first, quality), last = reign[0], reign[-1][0]
    if metric not in quality.dev:
        return []
    half = frame.day / 2
    left, right = round(frame.x(first.date) - half, 1), round(frame.x(last.date) + half, 1)
    value = quality.dev[metric]
    label = f"v{first.champion} on dev, when it was decided on: {metric} {value:.3f}"
    return [DevLine(left, right, y(value), label)]


def interval(metric: str, quality: Quality) -> tuple[float, float]:
    """Of one label alone, its score: there is no error to tell."""
    mean, error = quality.scores[metric], quality.errors.get(metric, 0.0)
    return mean - INTERVAL * error, mean + INTERVAL * error


def reach(metric: str, found: Sequence[Quality]) -> tuple[float, float]:
    """The ends of the scale: all intervals and dev lines are in it."""
    values = [value for one in found for value in interval(metric, one)]
    values += [one.dev[metric] for one in found if metric in one.dev]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
