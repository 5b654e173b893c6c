"""The comparison as a page: verdict on top, then intervals, slices and dev answers side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.policy import Policy
from evaluation.statistics import bounds
from registry.pages import render
from registry.records import (
    Decision,
    Evidence,
    ItemScore,
    MetricEvidence,
    Opponent,
    Record,
    Row,
)

TEMPLATE = Path(__file__).parent / "templates" / "comparison.html"
Measured = dict[str, MetricEvidence]
SHOWN = 12  # examples at each end: the most improved and the most regressed


class Example(Record):
    row: Row
    champion: str
    challenger: str
    scores: ItemScore

    @property
    def gain(self) -> float:
        """Mean gain over the metrics, to sort by."""
        sides = self.scores
        gains = [sides.challenger[name] - sides.champion[name] for name in sides.champion]
        return sum(gains) / len(gains)


@dataclass(frozen=True)
class Line:
    """One interval of the forest plot, in units of its metric."""

    label: str
    n: int
    diff: float
    lower: float
    upper: float

    def place(self, value: float, reach: float) -> float:
        """Where a value stands on an axis from −reach to +reach, in percent."""
        return 50 + 50 * max(-1.0, min(1.0, value / reach))


def report(
    evidence: Evidence,
    decision: Decision,
    policy: Policy,
    opponent: Opponent,
    examples: Sequence[Example],
) -> str:
    """The whole comparison as one self-contained HTML page."""
    alpha = decision.alpha or policy.alpha
    opened = decision.opening is not None
    measured = evidence.sealed if opened else evidence.dev
    slices = evidence.slices if opened else {}
    forest = {metric: lines(measured, slices, metric, alpha) for metric in measured}
    ordered = sorted(examples, key=lambda example: (example.gain, example.row.id))
    return render(
        TEMPLATE,
        evidence=evidence,
        measured=measured,
        decision=decision,
        policy=policy,
        opponent=opponent,
        alpha=alpha,
        forest=forest,
        reach=max((reach(line) for group in forest.values() for line in group), default=0) or 1.0,
        regressed=[example for example in ordered if example.gain < 0][:SHOWN],
        improved=[example for example in reversed(ordered) if example.gain > 0][:SHOWN],
    )


def lines(measured: Measured, slices: dict[str, Measured], metric: str, alpha: float) -> list[Line]:
    """The metric's interval over all items, then in each slice that has one."""
    parts = {"all items": measured} | slices
    measuring = {label: found[metric] for label, found in parts.items() if metric in found}
    return [line(label, found, alpha) for label, found in measuring.items()]


def line(label: str, found: MetricEvidence, alpha: float) -> Line:
    lower, upper = bounds(found.diff, found.se, found.df, alpha)
    return Line(label=label, n=found.n, diff=found.diff, lower=lower, upper=upper)


def reach(line: Line) -> float:
    return max(abs(line.lower), abs(line.upper))
