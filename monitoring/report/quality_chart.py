"""The champion's quality on fresh labels, night by night: where the marks of its charts stand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from monitoring.report.charts import Frame
from project.records.data import counted
from project.records.drift import Night, Quality

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
