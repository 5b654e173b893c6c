"""What was measured, as the page draws it: differences, guards, suites, costs, spreads."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Prices
from evaluation.report.kept_report import KeptReport
from evaluation.report.report_page import Forest, ForestLine, forest, others
from evaluation.report.right_answers import costs, saving
from evaluation.report.suite_lines import BoundedDifference, SuiteLine, suite_lines
from project.errors import InputError
from project.files import FileState
from project.records.calibration import Calibration
from project.records.evidence import Decision, Evidence, Measured, by_people
from project.settings import load
from registry.lineage import Lineage
from registry.reader import RegistryReader
from review.challenger.plain_words import meaning
from review.challenger.review_record import (
    AnswerCost,
    Interval,
    Plot,
    SpreadBar,
    SuiteTable,
    Trust,
)

Measures = Mapping[str, Sequence[ForestLine]]


def policy_of(reader: RegistryReader, lineage: Lineage) -> Policy | None:
    """The policy of the newest decision; None where there is none, or none of today's form."""
    if lineage.decision is None:
        return None
    digest = lineage.decision.policy
    try:
        return Policy.parse(reader.artifacts.get(digest), Path(digest))
    except InputError:
        return None


def level(decision: Decision, policy: Policy) -> float:
    """At which the bounds are drawn: that of the look, or of the policy where none was taken."""
    return decision.alpha or policy.alpha


def plots(lineage: Lineage, policy: Policy, alpha: float) -> tuple[Plot, ...]:
    """A plot for each metric, over all items and in each slice; those that decide come first."""
    evidence = lineage.evidence
    if evidence is None:
        return ()
    measured = lineage.sealed if lineage.looked_at_sealed else evidence.dev
    names = sorted(measured, key=lambda name: (name not in policy.checked, name))
    drawn = (
        forest(name, measured, lineage.slices, alpha, judged=name in policy.checked)
        for name in names
    )
    return tuple(plot(one, policy) for one in drawn)


def plot(drawn: Forest, policy: Policy) -> Plot:
    gating = drawn.metric in policy.checked
    whole, *slices = (interval(line) for line in drawn.lines)
    asked = policy.threshold(drawn.metric) if gating else None
    if margin := (policy.guards or {}).get(drawn.metric):
        asked = -margin
    return Plot(
        title=drawn.metric,
        means=meaning(drawn.metric),
        gating=gating,
        lines=(whole.model_copy(update={"label": "all items", "threshold": asked}), *slices),
        end=drawn.end,
    )


def interval(line: ForestLine) -> Interval:
    return Interval(
        label=line.label,
        n=line.found.n,
        diff=line.found.diff,
        lower=line.lower,
        upper=line.upper,
        champion=line.found.champion_mean,
        challenger=line.found.challenger_mean,
        better=line.found.better,
        judged=line.judged and line.found.better != "neither",
    )


def guards(evidence: Evidence, policy: Policy, alpha: float) -> tuple[Plot, ...]:
    """The comparisons beside the main one: what was forgotten, and what was lost over time."""
    found: Measures = others(evidence, policy, alpha)
    return tuple(
        Plot(
            title=title,
            means=GUARDED.get(title, ""),
            gating=False,
            lines=tuple(interval(line) for line in lines),
            end=reached(lines),
        )
        for title, lines in found.items()
    )


GUARDED = {
    "General ability": "whether it forgot what every assistant must be able to do",
    "Against the regression baseline": "whether several promotions together lost quality",
    "Against the base with a few-shot prompt": "whether training is better than a good prompt",
}


def suites(evidence: Evidence, policy: Policy, alpha: float) -> tuple[SuiteTable, ...]:
    return tuple(
        SuiteTable(
            suite=suite,
            lines=tuple(suite_interval(line) for line in lines),
            end=reached(line.champion for line in lines),
            guarded=tuple(asked for line in lines for asked in guarded(line)),
        )
        for suite, lines in suite_lines(evidence, policy, alpha).items()
    )


def reached(lines: Iterable[ForestLine | BoundedDifference]) -> float:
    """How far the longest interval is from zero: the end of an axis."""
    return max((abs(end) for one in lines for end in (one.lower, one.upper)), default=0) or 1.0


def suite_interval(line: SuiteLine) -> Interval:
    against, name = line.champion, line.metric.replace("_", " ")
    whole = ForestLine(f"{line.part}: {name}", against.found, against.lower, against.upper, True)
    return interval(whole)


def guarded(line: SuiteLine) -> list[str]:
    """What the policy asks of one metric of a suite, in sentences."""
    if line.guard is None:
        return []
    name, found = line.metric.replace("_", " "), []
    if line.guard.floor is not None:
        least = "at most" if line.champion.found.better == "less" else "at least"
        found.append(f"{name} must be {least} {line.guard.floor:g}")
    if line.guard.margin is not None:
        found.append(f"{name} may lose no more than {line.guard.margin:g}")
    return found


def floors(policy: Policy, measured: Measured) -> tuple[str, ...]:
    """The policy's other guards, in sentences."""
    less = {metric for metric, found in measured.items() if found.better == "less"}
    named = [
        f"the mean of {metric} must not be {'above' if metric in less else 'below'} {floor:g}"
        for metric, floor in policy.floors.items()
    ]
    guarded = [
        f"{metric} need not be better, and may lose no more than {margin:g}"
        for metric, margin in (policy.guards or {}).items()
    ]
    critical = [
        f"slice {name} needs {least} items, and may lose no more than {policy.slice_margin:g}"
        for name, least in policy.critical_slices.items()
    ]
    return (*named, *guarded, *critical)


def answer_costs(
    evidence: Evidence, kept: KeptReport | None, prices: Prices
) -> tuple[tuple[AnswerCost, ...], str | None]:
    """What an answer of each system takes, and what the challenger saves against a prompt."""
    found = costs(evidence.usage, kept.seconds if kept else {}, prices)
    rows = tuple(
        AnswerCost(
            system=str(cost.system),
            prompt=cost.prompt,
            answer=cost.answer,
            seconds=cost.seconds,
            money=cost.money,
        )
        for cost in found
    )
    return rows, saving({cost.system: cost for cost in found})


def spreads(kept: KeptReport | None, *, unvoted: bool) -> tuple[SpreadBar, ...]:
    """`unvoted`: without those that rest on people's votes."""
    return tuple(
        SpreadBar(**spread.model_dump())
        for spread in (kept.spreads if kept else ())
        if not (unvoted and by_people(spread.metric))
    )


@lru_cache(1)
def prices_of(state: FileState) -> Prices:
    """Read again only when params.yaml has changed: reading it takes longer than a page does."""
    return load(Prices)


def trust(source: Calibration | None) -> Trust | None:
    """How far the preference can be trusted."""
    if source is None:
        return None
    return Trust(
        source=source.source,
        n=source.n,
        unjudged=source.unjudged,
        accuracy=source.accuracy,
        longer=source.longer_accuracy,
        shorter=source.shorter_accuracy,
        matched_n=source.matched_n,
        matched=source.matched_accuracy,
        kappa=source.kappa,
        advisory=source.advisory,
        unsteady=source.unsteady,
        judges=tuple(map(str, source.judges)),
    )
