"""Chosen rows against random ones: candidates for a training set, compared on dev."""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from evaluation.decision.statistics import Array, bounds, paired
from evaluation.scoring.scorers import Scores
from project.records.data import Row
from project.records.record import Digest, Record
from project.records.scores import Better


class MetricDifference(Record):
    """Selected − random on dev, or the contrary where less is better."""

    better: Better
    selected: float  # means
    random: float
    diff: float
    low: float  # of the interval
    high: float
    draws: tuple[float, ...]  # the difference from each random draw

    @property
    def wins(self) -> bool:
        return self.low > 0

    @property
    def loses(self) -> bool:
        return self.high < 0

    def __str__(self) -> str:
        return f"{self.diff:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


class AgainstRandom(Record):
    """What became of the comparison of one selection."""

    selection: Digest
    rows: int  # that were selected, and drawn
    kept: int  # that both sides were trained on beside them
    items: int
    clusters: int
    level: float  # of the intervals
    seeds: tuple[int, ...]  # of the random draws
    judged_by: tuple[str, ...]  # the metrics that must all win
    metrics: dict[str, MetricDifference]

    @property
    def beats(self) -> bool:
        return all(self.metrics[name].wins for name in self.judged_by)

    @property
    def loses(self) -> bool:
        return any(self.metrics[name].loses for name in self.judged_by)


def against_random(
    items: Sequence[Row],
    selected: Scores,
    random: Sequence[Scores],
    better: Mapping[str, Better],
    alpha: float,
) -> dict[str, MetricDifference]:
    """Each metric that has a better way, with the one-sided bounds at alpha on both sides."""
    return {
        name: difference(items, np.array(values), others(random, name), way, alpha)
        for name, values in selected.values.items()
        if (way := better.get(name, "neither")) != "neither"
    }


def others(random: Sequence[Scores], name: str) -> Array:
    """The scores of the random draws [draws, items]."""
    return np.array([scores.values[name] for scores in random], dtype=np.float64)


def difference(
    items: Sequence[Row], selected: Array, random: Array, better: Better, alpha: float
) -> MetricDifference:
    """Of scores [items] and [draws, items].

    The error is clustered by the items' groups; with several draws, what these differ by is added,
    on Satterthwaite's degrees of freedom. With one draw it says nothing about another draw.
    """
    sign = -1 if better == "less" else 1
    apart = sign * (selected - random)
    found = paired(apart.mean(axis=0), [row.group for row in items])
    draws = apart.mean(axis=1)
    se, df = with_draws(found.se, found.df, draws)
    low, high = bounds(found.diff, se, df, alpha)
    return MetricDifference(
        better=better,
        selected=float(selected.mean()),
        random=float(random.mean()),
        diff=found.diff,
        low=low,
        high=high,
        draws=tuple(draws.tolist()),
    )


def with_draws(se: float, df: float, draws: Array) -> tuple[float, float]:
    """Standard error and degrees of freedom with the variance of the draws' mean added."""
    if len(draws) < 2:
        return se, df
    between = float(draws.var(ddof=1)) / len(draws)
    total = se**2 + between
    if total == 0:
        return se, df
    return sqrt(total), total**2 / (se**4 / df + between**2 / (len(draws) - 1))


def sentences(found: AgainstRandom) -> list[str]:
    """The outcome in plain words, whichever it is."""
    drawn = "random" if len(found.seeds) == 1 else f"{len(found.seeds)} random draws"
    told = ", ".join(f"{found.metrics[name]} {name}" for name in found.judged_by)
    beside = f", each beside {found.kept} rows that both learn" if found.kept else ""
    lines = [
        f"{found.rows} selected rows {verb(found)} {found.rows} random ones{beside}",
        f"selected − {drawn}: {told}, on {found.items} dev items in {found.clusters} groups; "
        f"intervals of {found.level:.0%}",
    ]
    if not found.beats:
        lines.append("do not take this selection for better than a random one")
    if len(found.seeds) == 1:
        lines.append("another random draw may differ: --seeds 3 makes three")
    return lines


def verb(found: AgainstRandom) -> str:
    if found.beats:
        return "beat"
    return "are worse than" if found.loses else "are not shown to beat"
