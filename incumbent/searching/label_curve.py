"""What dev scores say of the number of labels: intervals, a curve, and what more labels bring."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.decision.statistics import Array
from incumbent.searching.compare_on_dev import difference_on_dev
from project.canonical import digest_json
from project.files import write_bytes
from project.html import Axis, Level, Mark, Panel, padded, polyline, render
from project.records.record import Record
from project.records.scores import Better

# --- learning fit ---------------------------------------------------------------------------------

# A curve through scores at several numbers of training rows, and what it says of more rows.
#
# s(n) = a + b (1 − n^−c) / c: a power law with an asymptote, as learning curves are (Cortes et al.
# 1994, NeurIPS 6: "Learning curves"; Hestness et al. 2017, arXiv 1712.00409), written so that c = 0
# is its limit, a straight line over log n. a and b are found by least squares for each c of a grid,
# and b is not below 0: more rows are not taken to do harm.

EXPONENTS = np.linspace(0.0, 2.0, 41)


@dataclass(frozen=True)
class Curves:
    """One for each row of scores [curves]; of a score that is better when it is more."""

    a: Array
    b: Array
    c: Array

    def at(self, rows: float | Array) -> Array:
        """The scores [curves, rows] with so many rows, at least one."""
        n = np.atleast_1d(np.asarray(rows, dtype=np.float64))
        return np.asarray(self.a[:, None] + self.b[:, None] * over(n, self.c))


def over(rows: Array, c: Array) -> Array:
    """(1 − n^−c) / c for each c and n [c, n]; log n in the limit."""
    slow = np.where(c == 0, 1.0, c)[:, None]
    return np.where(c[:, None] == 0, np.log(rows), (1 - rows**-slow) / slow)


def fit(rows: Array, scores: Array) -> Curves:
    """The curves of least squares through scores [curves, n] at so many rows [n], of which at least
    two differ.

    With few points many exponents fit alike: how little is known then, fits to resamples show.
    """
    x = over(rows, EXPONENTS)
    apart = x - x.mean(axis=1, keepdims=True)
    means = scores.mean(axis=1)
    b = np.maximum(0, (scores - means[:, None]) @ (apart / np.square(apart).sum(axis=1)[:, None]).T)
    left = (scores - means[:, None])[:, None, :] - b[:, :, None] * apart  # [curves, exponents, n]
    best = np.square(left).sum(axis=2).argmin(axis=1)
    slopes = b[np.arange(len(scores)), best]
    return Curves(means - slopes * x.mean(axis=1)[best], slopes, EXPONENTS[best])


# --- label curve ----------------------------------------------------------------------------------

RESAMPLES = 1000
BAND = 24  # numbers of rows at which the band of the curve is told


class CurveEstimate(Record):
    value: float
    low: float  # of the interval
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"

    @property
    def plain(self) -> str:
        """The estimate of a score, in words."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def percent(self) -> str:
        return f"{self.value:.0%} [{self.low:.0%}, {self.high:.0%}]"


class SharePoint(Record):
    """Adapters that learnt one share of the rows."""

    share: str  # such as 1/8
    rows: float  # the mean of the draws
    score: CurveEstimate
    draws: tuple[float, ...]  # the score of each


class MetricCurve(Record):
    """The curve of one metric. Where less is better, its values are negated in `fit` alone."""

    better: Better
    base: float  # the score before any row
    points: tuple[SharePoint, ...]
    fit: tuple[float, float, float]  # a, b and c of incumbent.searching.label_curve
    band: tuple[tuple[float, float, float], ...]  # rows, and the interval of the curve there
    more: CurveEstimate  # what so many labels more would bring, above 0 for the better
    # What a smaller number of labels reaches: None where it is outside of what was measured, or
    # where there is nothing to have a share of. Where less is better, a share of the score says
    # nothing (half of an error is more than all of it), and `of_score` and `enough` are None.
    of_score: CurveEstimate | None  # a share of the score with all rows
    of_gain: CurveEstimate | None  # a share of what all rows gain over the base
    enough: int | None  # rows that reach 90 % of the score with all, by the curve

    def measured(self, rows: int) -> bool:
        """Whether so many lie between the smallest share and all."""
        return self.points[0].rows <= rows <= self.points[-1].rows


class LabelCurve(Record):
    """How dev scores grow with the number of labels."""

    rows: int  # all
    kept: int  # rehearsed and accepted ones, that are learnt besides in any case
    items: int
    clusters: int
    level: float  # of the intervals
    seeds: int  # draws of each share
    more: int  # labels, whose worth is told
    at: int  # labels, of which it is told what they reach
    judged_by: tuple[str, ...]
    metrics: dict[str, MetricCurve]

    def write_page(self, path: Path) -> None:
        """Points with intervals, and the curve with its band."""
        panels = [panel(name, self.metrics[name]) for name in self.judged_by]
        page = render(TEMPLATE, found=self, sentences=self.sentences, panels=panels)
        write_bytes(path, page.encode())

    @property
    def sentences(self) -> list[str]:
        lines = [
            f"{self.items} dev items in {self.clusters} groups; intervals of {self.level:.0%}"
            + (
                f"; {self.seeds} draws of each share"
                if self.seeds > 1
                else "; one draw of each share"
            )
        ]
        if self.kept:
            lines.append(f"each adapter also learns {self.kept} rehearsed or accepted rows")
        for name in self.judged_by:
            lines += of_metric(name, self.metrics[name], self)
        if self.seeds == 1:
            lines.append("another draw may differ: --seeds 3 makes three")
        return lines


@dataclass(frozen=True)
class Measured:
    """Scores of one metric, for the better when they are more."""

    scores: Array  # [shares, draws, items]
    base: Array  # [items]
    rows: Array  # [shares, draws]
    shares: Sequence[str]
    groups: Sequence[str]  # of the items


def metric_curve(
    measured: Measured, better: Better, *, more: int, at: int, level: float
) -> MetricCurve:
    sign = -1 if better == "less" else 1
    numbers, last = measured.rows.mean(axis=1), float(measured.rows[-1].mean())
    curve = fit(numbers, measured.scores.mean(axis=(1, 2))[None])
    drawn, base = resampled(measured)
    curves = fit(numbers, drawn)
    across = np.geomspace(numbers[0], last + more, BAND)
    edges = sign * np.quantile(curves.at(across), tails(level), axis=0)
    inside = numbers[0] <= at <= last
    ends = np.array([last, last + more])
    (value,), grown = (np.diff(fitted.at(ends))[:, 0] for fitted in (curve, curves))
    return MetricCurve(
        better=better,
        base=sign * float(measured.base.mean()),
        points=tuple(points(measured, sign, level)),
        fit=(float(curve.a[0]), float(curve.b[0]), float(curve.c[0])),
        band=tuple(zip(across.tolist(), *np.sort(edges, axis=0).tolist(), strict=True)),
        more=estimate(float(value), grown, level),
        of_score=of_score(curve, curves, at, last, level) if inside and sign > 0 else None,
        of_gain=of_gain(curve, curves, at, last, level, measured, base) if inside else None,
        enough=enough(curve, numbers) if sign > 0 else None,
    )


# --- resamples and intervals --------------------------------------------------------------------


def points(measured: Measured, sign: int, level: float) -> list[SharePoint]:
    """Each with its interval, clustered by groups; what the draws differ by is added."""
    made = []
    for share, rows, scores in zip(measured.shares, measured.rows, measured.scores, strict=True):
        mean = difference_on_dev(scores, measured.groups, (1 - level) / 2)
        edges = sorted((sign * mean.low, sign * mean.high))
        score = CurveEstimate(value=sign * mean.diff, low=edges[0], high=edges[1])
        values = tuple((sign * scores.mean(axis=1)).tolist())
        made.append(SharePoint(share=share, rows=float(rows.mean()), score=score, draws=values))
    return made


def resampled(measured: Measured) -> tuple[Array, Array]:
    """Mean scores [resamples, shares], and the base's [resamples], on groups of items drawn anew.

    Draws of rows are drawn anew too, the same ones for every share, since a small share lies within
    the larger ones; what they differ by is widened by S/(S−1), for a resample of S has less.
    """
    names = sorted(set(measured.groups))
    index = np.array([names.index(name) for name in measured.groups])
    seed = int(digest_json([measured.scores.tolist(), measured.base.tolist()])[:16], 16)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), [1 / len(names)] * len(names), size=RESAMPLES)[:, index]
    weights = times / times.sum(axis=1, keepdims=True)  # [resamples, items]
    scores = np.einsum("ri,ksi->rks", weights, measured.scores)
    means, draws = scores.mean(axis=2), scores.shape[2]
    if draws > 1:
        chosen = rng.integers(draws, size=(RESAMPLES, draws))
        apart = scores - means[:, :, None]
        again = np.take_along_axis(apart, chosen[:, None, :], axis=2).mean(axis=2)
        means = means + again * np.sqrt(draws / (draws - 1))
    return means, weights @ measured.base


def tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def estimate(value: float, resamples: Array, level: float) -> CurveEstimate:
    low, high = np.quantile(resamples, tails(level))
    return CurveEstimate(value=value, low=float(low), high=float(high))


def of_score(
    curve: Curves, curves: Curves, at: int, rows: float, level: float
) -> CurveEstimate | None:
    """None for a score that is not above 0, of which there is no share."""
    ends = np.array([at, rows])
    (value,), drawn = (fitted.at(ends) for fitted in (curve, curves))
    if value[1] <= 0 or drawn[:, 1].min() <= 0:
        return None
    return estimate(float(value[0] / value[1]), drawn[:, 0] / drawn[:, 1], level)


def of_gain(
    curve: Curves,
    curves: Curves,
    at: int,
    rows: float,
    level: float,
    measured: Measured,
    base: Array,
) -> CurveEstimate | None:
    """None where all rows are not clearly better than none: then there is no gain to share."""
    ends = np.array([at, rows])
    (part, whole), drawn = curve.at(ends)[0] - measured.base.mean(), curves.at(ends) - base[:, None]
    clearly = np.quantile(drawn[:, 1], tails(level)[0]) > 0
    if whole <= 0 or not clearly:
        return None
    gained = drawn[drawn[:, 1] > 0]
    return estimate(float(part / whole), gained[:, 0] / gained[:, 1], level)


def enough(curve: Curves, rows: Array, share: float = 0.9) -> int | None:
    """The fewest measured rows with this share of the score; None where there is no such number."""
    numbers = np.arange(int(rows[0]), int(rows[-1]) + 1, dtype=np.float64)
    scores = curve.at(numbers)[0]
    reached = scores >= share * scores[-1]
    return int(numbers[reached.argmax()]) if scores[-1] > 0 and not reached[0] else None


# --- curve in words -------------------------------------------------------------------------------

# What a curve over numbers of labels says, in plain words.


def of_metric(name: str, curve: MetricCurve, label_curve: LabelCurve) -> list[str]:
    lines = [f"{label_curve.more:,} labels more: {worth(curve.more)}"]
    reach = f"{label_curve.at:,} of {label_curve.rows:,} labels reach"
    if curve.of_score:
        lines.append(f"{reach} {curve.of_score.percent} of the score of all")
    if curve.of_gain:
        lines.append(f"{reach} {curve.of_gain.percent} of what all gain over the base")
    elif curve.measured(label_curve.at):
        lines.append("all labels together are not shown to beat the base")
    if curve.enough:
        lines.append(f"about {curve.enough:,} labels reach 90% of the score of all")
    if curve.better == "less":
        lines.append("less is better, so there is no share of the score to tell")
    return [f"{name}: {line}" for line in lines]


def worth(more: CurveEstimate) -> str:
    """The curve never falls, so an interval that begins at 0 to three digits shows nothing."""
    return f"{more}" if round(more.low, 3) > 0 else f"{more}, no gain is shown"


# --- curve page -----------------------------------------------------------------------------------

TEMPLATE = Path(__file__).parent / "templates" / "labels.html"
WIDTH, HEIGHT = 300, 190


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
        levels=[*up.grid(5), Level(up.at(curve.base), kind="base")],
        marks=[
            Mark(
                across.at(point.rows),
                up.at(point.score.value),
                f"{point.share} of the rows: {point.score.plain}",
                reach=(up.at(point.score.low), up.at(point.score.high)),
            )
            for point in points
        ],
        lines=[line(curve, across, up)],
        band=band(curve, across, up),
        below="labels",
    )


def line(curve: MetricCurve, across: Axis, up: Axis) -> str:
    sign = -1 if curve.better == "less" else 1
    numbers = np.array([rows for rows, _, _ in curve.band])
    scores = sign * Curves(*(np.array([number]) for number in curve.fit)).at(numbers)[0]
    pairs = zip(numbers.tolist(), scores.tolist(), strict=True)
    return polyline((across.at(rows), up.at(score)) for rows, score in pairs)


def band(curve: MetricCurve, across: Axis, up: Axis) -> str:
    """Along the upper edge, and back along the lower."""
    there = [(across.at(rows), up.at(high)) for rows, _, high in curve.band]
    back = [(across.at(rows), up.at(low)) for rows, low, _ in reversed(curve.band)]
    return polyline([*there, *back])
