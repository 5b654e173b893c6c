"""A curve over numbers of labels as a page: points with intervals, and the curve with its band."""

from pathlib import Path

import numpy as np

from incumbent.searching.chart_panel import Axis, Mark, Panel, padded
from incumbent.searching.labels.curve_in_words import sentences
from incumbent.searching.labels.label_curve import LabelCurve, MetricCurve
from incumbent.searching.labels.learning_fit import Curves
from project.files import write_bytes
from project.html import render

TEMPLATE = Path(__file__).parents[1] / "templates" / "labels.html"
WIDTH, HEIGHT = 300, 190


def write_page(found: LabelCurve, path: Path) -> None:
    panels = [panel(name, found.metrics[name]) for name in found.judged_by]
    page = render(TEMPLATE, found=found, sentences=sentences(found), panels=panels)
    write_bytes(path, page.encode())


def panel(name: str, curve: MetricCurve) -> Panel:
    """Scores upward, numbers of labels across by their logarithm; the base is a broken line."""
    points = curve.points
    numbers = [rows for rows, _, _ in curve.band]
    edges = [y for point in points for y in (point.score.low, point.score.high)]
    up = Axis(*padded([curve.base, *edges]), HEIGHT, upward=True)
    across = Axis(points[0].rows * 0.9, numbers[-1], WIDTH, log=True)
    return Panel(
        title=f"{name}, {curve.better} is better; the broken line is the base",
        width=WIDTH,
        height=HEIGHT,
        across=[(across.at(point.rows), f"{point.rows:,.0f}") for point in points],
        up=up.ticks(5),
        marks=[
            Mark(
                across.at(point.rows),
                up.at(point.score.value),
                f"{point.share} of the rows: {point.score.plain}",
            )
            for point in points
        ],
        bars=[
            (across.at(point.rows), up.at(point.score.low), up.at(point.score.high))
            for point in points
        ],
        line=line(curve, across, up),
        area=area(curve, across, up),
        level=up.at(curve.base),
        below="labels",
    )


def line(curve: MetricCurve, across: Axis, up: Axis) -> str:
    sign = -1 if curve.better == "less" else 1
    numbers = np.array([rows for rows, _, _ in curve.band])
    scores = sign * Curves(*(np.array([number]) for number in curve.fit)).at(numbers)[0]
    pairs = zip(numbers.tolist(), scores.tolist(), strict=True)
    return " ".join(f"{across.at(rows)},{up.at(score)}" for rows, score in pairs)


def area(curve: MetricCurve, across: Axis, up: Axis) -> str:
    """Along the upper edge, and back along the lower."""
    there = [f"{across.at(rows)},{up.at(high)}" for rows, _, high in curve.band]
    back = [f"{across.at(rows)},{up.at(low)}" for rows, low, _ in reversed(curve.band)]
    return " ".join([*there, *back])
