"""The comparison as a page: the verdict on top, then what it rests on, the suites among it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluation.decision.gains import kept_lines, reward_doubt, reward_gains
from evaluation.decision.metric_evidence import differences, shown_bounds
from evaluation.decision.policy import Policy, SuiteGuard
from evaluation.decision.policy_checks import reach, unqualified
from evaluation.decision.power import USUAL, detectable
from evaluation.decision.score_evidence import ALL_ITEMS
from evaluation.decision.ways_out import ways_out
from evaluation.evaluation_settings import Prices
from evaluation.report.report_data import (
    ReportData,
    costs,
    parted,
    right_lines,
    saving,
    share_of_cost,
    unchecked,
)
from evaluation.report.shown_answers import SentenceMarker
from evaluation.scoring.built_in import ranges_by_ours
from project.html import render
from project.records.evidence import Decision, Evidence, Measured, MetricEvidence, SuiteEvidence
from project.records.record import Record
from project.records.scores import Ends, Flags, ItemScore

TEMPLATE = Path(__file__).parent / "templates" / "comparison.html"
Scored = tuple[Sequence[ItemScore], Flags]
SHOWN = 12  # examples at each end: the most improved and the most regressed
BINS = 21  # of a histogram; odd, so that the middle one holds what did not change


@dataclass(frozen=True)
class ForestLine:
    """One interval of the forest plot, in units of its metric."""

    label: str
    found: MetricEvidence
    lower: float
    upper: float
    judged: bool  # whether a colour may say better or worse


@dataclass(frozen=True)
class Forest:
    """One metric's intervals, over all items and in each slice, on an axis from −end to +end."""

    metric: str
    lines: Sequence[ForestLine]
    end: float

    def place(self, value: float) -> float:
        """Where a value stands on the axis, in percent."""
        return 50 + 50 * max(-1.0, min(1.0, value / self.end))


class DifferenceSpread(Record):
    """How one metric's item differences spread, from −end to +end."""

    metric: str
    counts: tuple[int, ...]
    end: float
    wins: int
    losses: int

    @property
    def highest(self) -> int:
        return max((*self.counts, 1))


def report(
    evidence: Evidence,
    decision: Decision,
    policy: Policy,
    material: ReportData,
    *,
    sealed: Scored | None = None,
    seconds: Mapping[str, float | None] | None = None,
    weights: Mapping[str, int] | None = None,
    prices: Prices | None = None,
    rows: bool = True,
) -> str:
    """The whole comparison as one self-contained HTML page.

    `sealed` are the scores of a look's items, of which only their spread is shown, and what is odd
    about them; without them that is left out. `seconds` are those that each system takes for an
    answer, and `weights` how many it has, where that is known. Without `rows` it holds no text and
    no id of any row, and may go where those may not.
    """
    alpha = decision.alpha or policy.alpha
    looked = decision.opening is not None
    part = "sealed" if looked else "dev"
    measured = evidence.sealed if looked else evidence.dev
    items, flags = items_shown(decision, material, sealed)
    slices = evidence.slices if looked else {}
    names = sorted(measured, key=lambda name: (name not in policy.checked, name))
    by_system = {
        cost.system: cost for cost in costs(evidence.usage, seconds or {}, prices or Prices())
    }
    references = [example.row.completion_text for example in material.examples]
    ordered = sorted(material.examples, key=lambda example: (example.gain, example.row.id))
    return render(
        TEMPLATE,
        evidence=evidence,
        decision=decision,
        policy=policy,
        opponent=material.opponent,
        qualifies=not unqualified(evidence, policy),
        right=[
            *right_lines(measured),
            *unchecked(measured, references),
            *([f"on dev, {material.retrieval}"] if material.retrieval else []),
        ],
        ways_out=list(ways_out(evidence, decision, policy)),
        alpha=alpha,
        part=part,
        forests=[
            forest(name, measured, slices, alpha, judged=name in policy.checked) for name in names
        ],
        histograms=[
            (histogram(name, items, measured[name]), measured[name].n)
            for name in names
            if name in policy.checked and items
        ],
        others=others(evidence, policy, alpha),
        suites=suite_lines(evidence, policy, alpha),
        costs=list(by_system.values()),
        saving=saving(by_system),
        kept=list(kept_lines(evidence.kept or {})),
        rewarded=reward_gains(evidence, policy),
        doubt=reward_doubt(evidence, policy),
        parted=parted(evidence, policy, material.examples),
        share=share_of_cost(by_system, weights or {}) if evidence.kept else "",
        flags=flags,
        rows=rows,
        remembered=material.remembered,
        conversations=rows and any(example.is_conversation for example in ordered),
        sentences=SentenceMarker(material.phrasings).marked,
        regressed=[example for example in ordered if example.gain < 0][:SHOWN],
        improved=[example for example in reversed(ordered) if example.gain > 0][:SHOWN],
    )


def items_shown(decision: Decision, material: ReportData, sealed: Scored | None) -> Scored:
    """The items whose spread is shown: of a look, if they are there, else of dev."""
    if decision.opening is not None:
        return sealed or ((), Flags())
    return material.dev, material.flags


def forest(
    metric: str, whole: Measured, slices: Mapping[str, Measured], alpha: float, *, judged: bool
) -> Forest:
    parts = {metric: whole} | dict(slices)
    lines = [
        line(label, metric, m[metric], alpha, judged) for label, m in parts.items() if metric in m
    ]
    return Forest(metric=metric, lines=lines, end=reached(lines))


def reached(lines: Iterable[ForestLine]) -> float:
    """How far the longest interval is from zero: the end of an axis."""
    return max((abs(end) for line in lines for end in (line.lower, line.upper)), default=0) or 1.0


def line(
    label: str,
    metric: str,
    evidence: MetricEvidence,
    alpha: float,
    judged: bool = True,
    usual: Ends | None = None,
) -> ForestLine:
    """`usual`: the range of metrics that are none of our scorers'."""
    lower, upper = shown_bounds(metric, reach(evidence, alpha), ranges_by_ours().get(metric, usual))
    return ForestLine(label=label, found=evidence, lower=lower, upper=upper, judged=judged)


def others(evidence: Evidence, policy: Policy, alpha: float) -> dict[str, list[ForestLine]]:
    """The comparisons beside the main one, by what they are; the few-shot one is on dev."""
    general = [
        line(f"{name}, {metric}", metric, estimate, alpha)
        for name in sorted(evidence.general, key=lambda name: (name != ALL_ITEMS, name))
        for metric, estimate in evidence.general[name].items()
    ]
    sections = {"General ability": general}
    for title, measured in (
        ("Against the regression baseline", evidence.reference),
        ("Against the base with a few-shot prompt", evidence.few_shot),
    ):
        sections[title] = [line(m, m, measured[m], alpha) for m in policy.gating if m in measured]
    return {title: lines for title, lines in sections.items() if lines}


def histogram(
    metric: str, items: Sequence[ItemScore], evidence: MetricEvidence
) -> DifferenceSpread:
    values = differences(items, metric, evidence.better)
    end = float(np.abs(values).max(initial=0)) or 1.0
    counts, _ = np.histogram(values, bins=BINS, range=(-end, end))
    return DifferenceSpread(
        metric=metric,
        counts=tuple(counts.tolist()),
        end=end,
        wins=evidence.wins,
        losses=evidence.losses,
    )


# --- suite lines ----------------------------------------------------------------------------------

# The suites in the report: base, champion and challenger beside each other, by slice.


@dataclass(frozen=True)
class SuiteLine:
    """One metric on all items of a suite, or on a slice of them."""

    part: str
    metric: str
    champion: ForestLine
    base: ForestLine | None  # None: the champion is the bare base
    guard: SuiteGuard | None  # on all items alone
    smallest: float  # loss that so many items find in most cases


def suite_lines(evidence: Evidence, policy: Policy, alpha: float) -> dict[str, list[SuiteLine]]:
    """Lines of each suite, all items first; its own metrics are shares."""
    return {
        suite: lines_of(suite_evidence, (policy.suites or {}).get(suite, {}), alpha)
        for suite, suite_evidence in (evidence.suites or {}).items()
    }


def lines_of(
    evidence: SuiteEvidence, guards: Mapping[str, SuiteGuard], alpha: float
) -> list[SuiteLine]:
    bases = evidence.base or {}
    return [
        SuiteLine(
            part=part,
            metric=metric,
            champion=line(part, metric, measured[metric], alpha, usual=(0, 1)),
            base=line(part, metric, base[metric], alpha, usual=(0, 1))
            if metric in (base := bases.get(part, {}))
            else None,
            guard=None if position else guards.get(metric),
            smallest=smallest_loss(measured[metric].n, alpha),
        )
        for position, (part, measured) in enumerate(evidence.champion.items())
        for metric in sorted(measured)
    ]


def smallest_loss(items: int, alpha: float, chance: float = USUAL) -> float:
    """The smallest true loss in a share of items that is found with a chance, at a level.

    Where whoever differs loses, the items' differences spread by √(L (1 − L)) for a loss L; of
    `detectable`'s L = c √(L (1 − L)) that makes c² / (1 + c²). Where some also win, it is larger.
    """
    times = detectable(items, 1.0, alpha, chance) ** 2
    return times / (1 + times)
