"""What was measured of a challenger, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import Prices
from evaluation.report.kept_report import KeptReport
from evaluation.report.report_data import AnswerCost, costs, saving
from evaluation.report.report_page import (
    DifferenceSpread,
    Forest,
    ForestLine,
    SuiteLine,
    forest,
    others,
    reached,
    suite_lines,
)
from project.errors import InputError
from project.files import FileState
from project.records.evidence import Bound, Decision, Evidence, Measured, Verdict, by_people
from project.records.preferences import Calibration
from project.settings import load
from registry.lineage import Lineage
from registry.reader import RegistryReader
from review.challenger.review_record import (
    Interval,
    Plot,
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
    return tuple(plot(chart, policy) for chart in drawn)


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
    sections: Measures = others(evidence, policy, alpha)
    return tuple(
        Plot(
            title=title,
            means=GUARDED.get(title, ""),
            gating=False,
            lines=tuple(interval(line) for line in lines),
            end=reached(lines),
        )
        for title, lines in sections.items()
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
            lines=tuple(
                interval(
                    replace(line.champion, label=f"{line.part}: {line.metric.replace('_', ' ')}")
                )
                for line in lines
            ),
            end=reached(line.champion for line in lines),
            guarded=tuple(asked for line in lines for asked in guarded(line)),
        )
        for suite, lines in suite_lines(evidence, policy, alpha).items()
    )


def guarded(line: SuiteLine) -> list[str]:
    """What the policy asks of one metric of a suite, in sentences."""
    if line.guard is None:
        return []
    name, sentences = line.metric.replace("_", " "), []
    if line.guard.floor is not None:
        least = "at most" if line.champion.found.better == "less" else "at least"
        sentences.append(f"{name} must be {least} {line.guard.floor:g}")
    if line.guard.margin is not None:
        sentences.append(f"{name} may lose no more than {line.guard.margin:g}")
    return sentences


def floors(policy: Policy, measured: Measured) -> tuple[str, ...]:
    """The policy's other guards, in sentences."""
    less = {metric for metric, evidence in measured.items() if evidence.better == "less"}
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
    system_costs = costs(evidence.usage, kept.seconds if kept else {}, prices)
    return tuple(system_costs), saving({cost.system: cost for cost in system_costs})


def spreads(kept: KeptReport | None, *, unvoted: bool) -> tuple[DifferenceSpread, ...]:
    """`unvoted`: without those that rest on people's votes."""
    there = kept.spreads if kept else ()
    return tuple(spread for spread in there if not (unvoted and by_people(spread.metric)))


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


# --- plain words ----------------------------------------------------------------------------------

# A decision in the words of somebody who knows the work and no machine learning.

MEANS = {
    "rougeL": "words shared with the reference answer",
    "semantic": "meaning shared with the reference answer",
    "preference": "preferred answers",
    "facts_kept": "facts kept",
    "facts_contradicted": "facts contradicted",
    "figures_right": "answers with right figures",
    "figures_wrong": "answers with wrong figures",
    "exact_match": "answers right to the word",
    "macro_f1": "right classes",
    "json_valid": "valid JSON",
    "json_fields": "right values in JSON",
    "length": "how long the answers are",
    "empty": "empty answers",
    "refusal": "refused answers",
    "perplexity": "how surprising the answers are to a language model",
    "people:helpful": "how helpful people find the answers",
    "people:polite": "how polite people find the answers",
    "people:correct": "how correct people find the answers",
}


def meaning(metric: str) -> str:
    """What a metric measures; of one that is not ours, its name."""
    return MEANS.get(metric, metric.replace("_", " "))


def called(metric: str) -> str:
    """A metric in a sentence: what it measures, and its name behind."""
    return f"{MEANS[metric]} ({metric})" if metric in MEANS else metric.replace("_", " ")


def joined_by_and(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def summary(label: str, against: str, decision: Decision, checked: Sequence[str]) -> str:
    """One or two sentences: what was found, and what it means. `checked` gate or are guarded."""
    bounds = {m: bound for m, bound in decision.bounds.items() if m in checked}
    if decision.opening is None:
        return unqualified(label, against, decision, checked)
    match decision.verdict:
        case Verdict.PROMOTE:
            return promoted(label, against, bounds)
        case Verdict.REJECT:
            return rejected(label, against, bounds, decision.reasons[0])
        case Verdict.HOLD:
            waits = [m for m in checked if awaits_votes(m, decision.reasons)]
            return held(label, against, bounds, waits, decision.needed)


def unqualified(label: str, against: str, decision: Decision, checked: Sequence[str]) -> str:
    """A sentence on the metrics in which it fell short on dev, by the rule's own reasons."""
    of = {
        metric: [why for why in decision.reasons if f": {metric} " in why or f" {metric}: " in why]
        for metric in checked
    }
    sentence = f"{label} did not qualify for a look at the sealed eval set, which was not taken."
    if short := [metric for metric, reasons in of.items() if reasons]:
        sentence += f" On the dev items it is not clearly enough better than {against}, or worse, "
        sentence += f"in {words(short)}."
    if len(decision.reasons) > sum(map(len, of.values())):
        sentence += " What else speaks against it stands below."
    return sentence


def promoted(label: str, against: str, bounds: Mapping[str, Bound]) -> str:
    better = [metric for metric, bound in bounds.items() if bound.lower > 0]
    others = [metric for metric in bounds if metric not in better]
    if not better:
        return f"{label} is better than {against} in what the policy asks for."
    sentence = f"{label} is better than {against} in {measures(better, every=not others)}"
    if others:
        sentence += f", and does what the policy asks in {words(others)}"
    return f"{sentence}. Nothing that the policy guards is clearly worse."


def rejected(label: str, against: str, bounds: Mapping[str, Bound], reason: str) -> str:
    if worse := [metric for metric, bound in bounds.items() if bound.upper < 0]:
        return f"{label} is clearly worse than {against} in {words(worse)}."
    return f"{label} is not good enough: {reason}."


def awaits_votes(metric: str, reasons: Sequence[str]) -> bool:
    """Whether people have to vote before a metric is known, by the rule's own reasons."""
    unknown = f"{metric} is not known yet: "
    return by_people(metric) and any(reason.startswith(unknown) for reason in reasons)


def held(
    label: str,
    against: str,
    bounds: Mapping[str, Bound],
    waits: Sequence[str],
    needed: int | None,
) -> str:
    sentence = f"It is not sure yet that {label} is better than {against}."
    if won := [metric for metric, bound in bounds.items() if bound.won]:
        sentence += (
            f" It is better in {words(won)}{'' if waits else '; something else is in doubt'}."
        )
    if waits:
        sentence += f" People's votes are missing for {words(waits)}."
    if needed:
        sentence += f" About {needed:,} more eval items would settle it at the next look."
    return sentence


def measures(better: Sequence[str], *, every: bool) -> str:
    """Some metrics in words, and how many they are where they are all that decide."""
    if not every or len(better) == 1:
        return words(better)
    count = {2: "both", 3: "all three", 4: "all four"}.get(len(better), f"all {len(better)}")
    return f"{count} measures that decide: {words(better)}"


def words(metrics: Sequence[str]) -> str:
    return joined_by_and([called(metric) for metric in metrics])
