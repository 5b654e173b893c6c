"""What systems cost, measured and in words."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import bounds, paired
from evaluation.evaluation_settings import FewShot, ScoringParams
from evaluation.generation.answers import Answer, Role
from evaluation.report.report_data import AnswerCost, money, saving
from evaluation.score import directions, score_samples
from evaluation.scoring.scorers import Scorer, load_scorers
from project.errors import IncumbentError
from project.files import write_bytes
from project.html import render
from project.model_pins import pinned_folder
from project.paths import EMBEDDER
from project.records.adapters import ModelPin
from project.records.data import Row
from project.records.evidence import Usage
from project.records.record import Record
from project.records.scores import Better
from project.settings import load
from serving.asked_systems import (
    AskedSystem,
    LargerModel,
    ask_systems,
    champion,
    dev_items,
)

Values = Mapping[str, Sequence[float | None]]  # of each item, by metric; None: not measured
Verdict = Literal["better", "worse", "no difference shown"]


class Mean(Record):
    """A mean over the items, with one-sided bounds on both sides."""

    mean: float
    low: float
    high: float
    items: int


class SystemDifference(Record):
    """A system's difference to the adapter on the same items; above 0 the system is better."""

    diff: float
    low: float
    high: float
    items: int

    @property
    def verdict(self) -> Verdict:
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "no difference shown"

    def __str__(self) -> str:
        return f"{self.diff:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


class SystemCost(Record):
    """One system. Tokens and seconds are means of an answer."""

    name: str
    shots: int | None  # of the bare base: examples in its prompt
    prompt: float
    answer: float
    seconds: float | None  # of the machine, several answers side by side
    latency: float | None  # of an answer alone, from request to end; None: not timed
    p50: float | None
    p95: float | None
    money: float | None  # per 1,000 answers; None: no price is set, or the time is not known
    quality: dict[str, Mean]
    against: dict[str, SystemDifference]  # empty for the adapter itself


class CostReport(Record):
    champion: str  # its label
    items: int
    clusters: int
    level: float  # of the intervals
    judged_by: tuple[str, ...]  # the metrics that say whether two systems are equally good
    better: dict[str, Better]
    systems: tuple[SystemCost, ...]  # the adapter first


def report_of(
    label: str,
    asked: Sequence[AskedSystem],
    items: Sequence[Row],
    scorers: Sequence[Scorer],
    policy: Policy,
) -> CostReport:
    """The figures of all systems; the first is the adapter that the others are compared with."""
    better = {name: way for name, way in directions(scorers).items() if way != "neither"}
    values = [values_of(system.answers, items, scorers, better) for system in asked]
    groups = [row.group for row in items]
    return CostReport(
        champion=label,
        items=len(items),
        clusters=len(set(groups)),
        level=round(1 - 2 * policy.alpha, 6),
        judged_by=judging(policy, [name for name in better if name in values[0]]),
        better={name: way for name, way in better.items() if name in values[0]},
        systems=tuple(
            figures(system, scores, values[0] if i else {}, groups, better, policy.alpha)
            for i, (system, scores) in enumerate(zip(asked, values, strict=True))
        ),
    )


def values_of(
    answers: Sequence[Answer],
    items: Sequence[Row],
    scorers: Sequence[Scorer],
    better: Mapping[str, Better],
) -> Values:
    """The mean over several answers to an item. A scorer that lacks what it reads is left out."""
    drawn = score_samples(
        [scorer for scorer in scorers if scorer.can_read(answers)], items, answers
    )
    values: dict[str, list[float | None]] = {}
    for name in (name for name in better if name in drawn[0].values):
        unread = {i for scores in drawn for i in scores.unread.get(name, ())}
        means = np.mean([scores.values[name] for scores in drawn], axis=0).tolist()
        values[name] = [None if i in unread else mean for i, mean in enumerate(means)]
    return values


def judging(policy: Policy, names: Sequence[str]) -> tuple[str, ...]:
    """What the policy gates on, as far as it is measured here; else all that is."""
    return tuple(name for name in policy.gating if name in names) or tuple(names)


def figures(
    system: AskedSystem,
    own: Values,
    adapters: Values,
    groups: Sequence[str],
    better: Mapping[str, Better],
    alpha: float,
) -> SystemCost:
    used = Usage(
        prompt=fmean(answer.prompt_tokens for answer in system.answers),
        answer=fmean(answer.tokens for answer in system.answers),
    )
    times = np.array(system.latencies)
    quality = {name: mean_of(values, groups, alpha) for name, values in own.items()}
    against = {
        name: difference(values, adapters[name], groups, better[name], alpha)
        for name, values in own.items()
        if name in adapters
    }
    return SystemCost(
        name=system.name,
        shots=system.shots,
        prompt=used.prompt,
        answer=used.answer,
        seconds=system.seconds,
        latency=float(times.mean()) if len(times) else None,
        p50=float(np.quantile(times, 0.5)) if len(times) else None,
        p95=float(np.quantile(times, 0.95)) if len(times) else None,
        money=money(used, system.seconds, system.prices),
        quality={name: mean for name, mean in quality.items() if mean},
        against={name: change for name, change in against.items() if change},
    )


def mean_of(values: Sequence[float | None], groups: Sequence[str], alpha: float) -> Mean | None:
    """None where too few items were measured."""
    band = interval(list(values), groups, alpha)
    return Mean(mean=band[0], low=band[1], high=band[2], items=band[3]) if band else None


def difference(
    values: Sequence[float | None],
    adapters: Sequence[float | None],
    groups: Sequence[str],
    better: Better,
    alpha: float,
) -> SystemDifference | None:
    """The difference on the items that both were measured on."""
    sign = -1 if better == "less" else 1
    apart = [
        None if a is None or b is None else sign * (a - b)
        for a, b in zip(values, adapters, strict=True)
    ]
    band = interval(apart, groups, alpha)
    return (
        SystemDifference(diff=band[0], low=band[1], high=band[2], items=band[3]) if band else None
    )


def interval(
    values: Sequence[float | None], groups: Sequence[str], alpha: float
) -> tuple[float, float, float, int] | None:
    """A mean with its bounds, and of how many items; errors are clustered by group."""
    there = [(v, group) for v, group in zip(values, groups, strict=True) if v is not None]
    if len({group for _, group in there}) < 2:
        return None
    estimate = paired(np.array([v for v, _ in there]), [group for _, group in there])
    return estimate.diff, *bounds(estimate.diff, estimate.se, estimate.df, alpha), estimate.n


# --- compare costs --------------------------------------------------------------------------------

# The champion's adapter, its base with examples, and a larger model on the same dev items.


def compare_costs(
    most: int, more_shots: Sequence[int] = (), larger: LargerModel | None = None
) -> CostReport:
    """Ask each of them `most` dev items at most; answers that are cached are not made again.

    The base is asked without examples, with as many as evaluation.few_shot says, and with
    `more_shots`. Raises InputError where there is no champion or no dev set.
    """
    version = champion()
    items = dev_items(most, version.adapter.contestant)
    shots = sorted({0, load(FewShot).shots, *more_shots})
    asked = list(ask_systems(items, version, shots, larger))
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    scorers = load_scorers(load(ScoringParams), embedder)
    return report_of(version.label, asked, items, scorers, load(Policy))


# --- cost words -----------------------------------------------------------------------------------

# What a cost report says in sentences: cheaper by how much, and at which quality.


def sentences(report: CostReport) -> list[str]:
    adapter, *others = report.systems
    lines = [beside(report, adapter, other) for other in others]
    return [*lines, *equal_quality(report), *unmeasured(report)]


def beside(report: CostReport, adapter: SystemCost, other: SystemCost) -> str:
    """Money, time and tokens that the adapter takes, and how good it is, against one system."""
    saved = saving({Role.CHALLENGER: cost_of(adapter), Role.FEW_SHOT: cost_of(other)})
    return f"{report.champion} against {other.name}: {saved}; {in_quality(report, other)}"


def in_quality(report: CostReport, other: SystemCost) -> str:
    """What the differences of the judged metrics are; of the adapter, so with the signs turned."""
    told = []
    for name in report.judged_by:
        if change := other.against.get(name):
            word = {"better": "worse", "worse": "better"}.get(change.verdict, change.verdict)
            low, high = -change.high, -change.low
            told.append(f"{name} {-change.diff:+.3f} [{low:+.3f}, {high:+.3f}], {word}")
    return "; ".join(told) or "quality not compared"


def equal_quality(report: CostReport) -> Iterator[str]:
    """How many examples the base needs for the adapter's quality, of those that were tried."""
    adapter, *others = report.systems
    tried = sorted(
        (system for system in others if system.shots is not None),
        key=lambda system: system.shots or 0,
    )
    enough = [system for system in tried if not shown_worse(report, system)]
    if not tried:
        return
    if not enough:
        counts = ", ".join(str(system.shots) for system in tried)
        yield (
            f"no number of examples that was tried ({counts}) brings the base to the quality of "
            f"{report.champion}: there is no price of the base at equal quality"
        )
        return
    first = enough[0]
    saved = saving({Role.CHALLENGER: cost_of(adapter), Role.FEW_SHOT: cost_of(first)})
    yield (
        f"at equal quality: with {first.shots} examples the base is not shown to be worse on "
        f"{report.items} items, and beside that {report.champion} takes {saved}"
    )


def shown_worse(report: CostReport, other: SystemCost) -> bool:
    changes = (other.against.get(name) for name in report.judged_by)
    return any(change is not None and change.verdict == "worse" for change in changes)


def unmeasured(report: CostReport) -> Iterator[str]:
    adapter = report.systems[0]
    if adapter.money is None:
        yield "no price is set: evaluation.prices says what tokens or an hour cost"
    yield (
        "tokens and seconds are means of one answer; seconds are the machine's, which makes "
        "several answers side by side"
    )
    if any(system.latency is not None for system in report.systems):
        yield (
            "of a model behind a server, seconds are from a request to its answer, and tokens are "
            "counted by its own tokenizer: neither says what the adapter's do, but the money does"
        )


def cost_of(system: SystemCost) -> AnswerCost:
    """The cost without a latency: what a request waited is not what a machine computed."""
    figures = {name: getattr(system, name) for name in ("prompt", "answer", "seconds", "money")}
    return AnswerCost(system=system.name, **figures)


def rows_of_table(report: CostReport) -> tuple[list[str], list[list[str]]]:
    """The columns, numbers with a leading ">", and a row for each system."""
    timed = any(system.latency is not None for system in report.systems)
    columns = ["system", ">prompt", ">answer", ">s", *([">p50", ">p95"] if timed else [])]
    columns += [">per 1,000", *(f">{name}" for name in report.judged_by)]
    return columns, [cells(report, system, timed=timed) for system in report.systems]


def cells(report: CostReport, cost: SystemCost, *, timed: bool) -> list[str]:
    times = [cost.seconds if cost.latency is None else cost.latency]
    times += [cost.p50, cost.p95] if timed else []
    quality = [cost.quality.get(name) for name in report.judged_by]
    return [
        cost.name,
        f"{cost.prompt:.1f}",
        f"{cost.answer:.1f}",
        *("" if time is None else f"{time:.2f}" for time in times),
        "" if cost.money is None else f"{cost.money:.2f}",
        *("" if mean is None else f"{mean.mean:.3f}" for mean in quality),
    ]


# --- cost page ------------------------------------------------------------------------------------

# The cost report as an HTML file.

TEMPLATE = Path(__file__).parent / "templates" / "costs.html"


def write_page(report: CostReport, target: Path) -> None:
    """Raises IncumbentError where the file cannot be written."""
    columns, rows = rows_of_table(report)
    page = render(TEMPLATE, report=report, sentences=sentences(report), columns=columns, rows=rows)
    try:
        write_bytes(target, page.encode())
    except OSError as error:
        raise IncumbentError(f"{target} cannot be written: {error.strerror}") from None
