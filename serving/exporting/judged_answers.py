"""A version's dev items, with the answers and the scores that it was judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from statistics import fmean as mean

from evaluation.decision.metric_evidence import shown_bounds, summarise
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import MarginCheck, reach, unbounded
from evaluation.evaluation_settings import Decoding, ScoringParams
from evaluation.generation.answers import Answer, by_sample
from evaluation.report.dev_items import DevItems, kept_path, measured
from evaluation.scoring.scorers import Scorer, load_scorers, score
from project.errors import IncumbentError, InputError
from project.model_pins import pinned_folder
from project.paths import ADAPTER, EMBEDDER
from project.records.adapters import Adapter, AdapterVersion, ModelPin
from project.records.data import Row
from project.records.evidence import Evidence, MetricEvidence
from project.records.record import short
from project.records.scores import Better, Ends, ItemScore
from project.settings import load
from registry.lineage import Lineage
from serving.exporting.start_scripts import (
    MetricChange,
    ScoredAgain,
    outside,
    table,
)


@dataclass(frozen=True)
class JudgedAnswers:
    """The answers in the order of items; a score is None where a metric could not be measured on an
    item.
    """

    rows: tuple[Row, ...]
    answers: tuple[str, ...]
    scores: dict[str, tuple[float | None, ...]]
    gating: tuple[str, ...]
    better: tuple[str, ...]  # the metrics that have a better way
    clusters: tuple[str | None, ...] = ()  # of items that are no independent evidence
    less: frozenset[str] = frozenset()  # the metrics of which less is better


def judged_answers(lineage: Lineage) -> JudgedAnswers:
    """Raises InputError where the dev items are not here, or are not those of its decision."""
    dev = dev_items(lineage.version)
    if not dev.items:
        raise InputError(f"the dev items that are kept of {lineage.version.label} are none")
    scores = [item.scores for item in dev.items]
    metrics = sorted({name for item in scores for name in item.challenger})
    judged = JudgedAnswers(
        rows=tuple(item.row for item in dev.items),
        answers=tuple(item.challenger for item in dev.items),
        scores={
            name: tuple(
                None if name in (item.unread or ()) else item.challenger.get(name)
                for item in scores
            )
            for name in metrics
        },
        gating=dev.comparison.gating,
        better=tuple(m for m, way in dev.comparison.better.items() if way != "neither"),
        clusters=tuple(item.cluster for item in scores),
        less=frozenset(m for m, way in dev.comparison.better.items() if way == "less"),
    )
    if lineage.evidence:
        refuse_other_items(judged, lineage.version, lineage.evidence)
    return judged


def dev_items(version: AdapterVersion) -> DevItems:
    """As they were kept when it was submitted, or as the stages left them."""
    path = kept_path(version.family, version.number)
    if path.is_file():
        return DevItems.kept(path)
    if ADAPTER.is_file() and Adapter.read(ADAPTER).files == version.adapter.files:
        return measured(version.number)
    raise InputError(
        f"no dev items are kept of {version.label}, so that its export cannot be compared with "
        "what was judged: `incumbent submit` keeps them where it runs; copy this file from there, "
        "or export without --for",
        file=path,
    )


def refuse_other_items(judged: JudgedAnswers, version: AdapterVersion, evidence: Evidence) -> None:
    """Raise InputError unless the scores are those of the evidence, which the registry keeps."""
    for metric in set(judged.scores) & set(evidence.dev):
        told, known = evidence.dev[metric], [s for s in judged.scores[metric] if s is not None]
        if told.challenger_mean is None or told.n != len(known):
            continue
        if not isclose(sum(known) / len(known), told.challenger_mean, abs_tol=1e-6):
            raise InputError(
                f"are not those that {version.label} was judged by: their mean of {metric} is "
                f"{sum(known) / len(known):.4f}, and the evidence says {told.challenger_mean:.4f}",
                file=kept_path(version.family, version.number),
            )


def judged_decoding(lineage: Lineage) -> Decoding:
    """How it answered when it was judged. Raises InputError where params.yaml says otherwise now:
    the digest alone was kept.
    """
    decoding = load(Decoding)
    pins = lineage.decision.pins if lineage.decision else None
    if pins and pins.decoding != decoding.digest:
        raise InputError(
            f"is not what {lineage.version.label} was judged with (digest {short(pins.decoding)}): "
            "put those settings back for the export",
            file="params.yaml",
            field="evaluation.decoding",
        )
    return decoding


# --- scored again ---------------------------------------------------------------------------------

# The answers of an exported form, scored as those were that the version was judged by.

# What a scorer may read: an engine's way to count tokens is its own.
TEXTS = {"prompts", "predictions", "references", "assertions", "slices"}


def text_scorers() -> list[Scorer]:
    """The scorers of params.yaml that read nothing but texts. Raises InputError."""
    embedder = pinned_folder(ModelPin.read(EMBEDDER), "embedder")
    return [s for s in load_scorers(load(ScoringParams), embedder) if TEXTS.issuperset(s.columns)]


def score_again(
    judged: JudgedAnswers, answers: Sequence[Answer], scorers: Sequence[Scorer]
) -> tuple[ScoredAgain, ...]:
    """Of each metric that gates, or where none of them can be measured here, of each that has a
    better way. Raises InputError where none is left, and where the scorers are not as they were.
    """
    scores = columns(judged, answers, scorers)
    measured = [metric for metric in judged.scores if metric in scores]
    chosen = [m for m in measured if m in judged.gating] or [
        m for m in measured if m in judged.better
    ]
    if not chosen:
        raise InputError(
            "no metric of it reads texts alone, such as rouge or semantic: the export cannot be "
            "compared with what was judged",
            file="params.yaml",
            field="evaluation.scoring.metrics",
        )
    if len(answers) == len(judged.rows):  # of several answers an item the first alone is kept
        refuse_other_scorers(judged, columns(judged, given(judged), scorers), chosen)
    return tuple(scored_again(metric, judged.scores[metric], scores[metric]) for metric in chosen)


def given(judged: JudgedAnswers) -> list[Answer]:
    """The judged answers, as an engine gives them."""
    return [
        Answer(item=row.id, text=text, tokens=0, prompt_tokens=0)
        for row, text in zip(judged.rows, judged.answers, strict=True)
    ]


def columns(
    judged: JudgedAnswers, answers: Sequence[Answer], scorers: Sequence[Scorer]
) -> dict[str, list[float | None]]:
    """Each metric's score for every item, of several answers their mean; None where it could not
    be measured.
    """
    drawn = [score(scorers, judged.rows, sample) for sample in by_sample(answers)]
    unread = {m: {i for s in drawn for i in s.unread.get(m, ())} for m in drawn[0].values}
    return {
        metric: [
            None if i in unread[metric] else mean([s.values[metric][i] for s in drawn])
            for i in range(len(judged.rows))
        ]
        for metric in drawn[0].values
    }


def refuse_other_scorers(
    judged: JudgedAnswers, same: dict[str, list[float | None]], metrics: Sequence[str]
) -> None:
    """Raise InputError where the judged answers get other scores today."""
    for metric in metrics:
        before = scored_again(metric, judged.scores[metric], same[metric])
        if abs(before.difference) > 1e-6:
            raise InputError(
                f"the judged answers score {before.exported:.4f} in {metric} today, and scored "
                f"{before.judged:.4f} when they were judged: put the scorers and the embedder of "
                "then back",
                file="params.yaml",
                field="evaluation.scoring",
            )


def scored_again(
    metric: str, judged: Sequence[float | None], again: Sequence[float | None]
) -> ScoredAgain:
    """Both means, over the items on which both were measured."""
    pairs = [(a, b) for a, b in zip(judged, again, strict=True) if a is not None and b is not None]
    if not pairs:
        raise InputError(f"{metric} could not be measured on any item")
    return ScoredAgain(
        metric=metric, judged=mean(a for a, _ in pairs), exported=mean(b for _, b in pairs)
    )


def refuse_outside(scores: Sequence[ScoredAgain], margin: float, label: str, form: str) -> None:
    """Raise IncumbentError where an exported form is not what was judged."""
    if beyond := outside(scores, margin):
        names = ", ".join(score.metric for score in beyond)
        raise IncumbentError(
            f"{label} as {form} is not what was judged: {names} differs by more than the margin of "
            f"{margin:g}, so nothing was written.\n{table(scores)}\n"
            "A larger --margin lets it pass; another form may be nearer."
        )


# --- what it cost ---------------------------------------------------------------------------------

# Each item's difference, summed up as a challenger's on dev is: paired, with cluster-robust errors.

Columns = Mapping[str, Sequence[float | None]]


def changes(
    judged: JudgedAnswers,
    before: Columns,
    after: Columns,
    metrics: Sequence[str],
    scorers: Sequence[Scorer],
    policy: Policy,
) -> dict[str, MetricEvidence]:
    """What each metric is more or less than before. An item that was not measured before has
    nothing to lose; one that is not measured any more counts at its worst. Raises InputError for
    items of fewer than two clusters.
    """
    ends = ranges_of(scorers, policy)
    by_metric = {}
    for metric in metrics:
        items = [
            ItemScore(
                item=row.id,
                cluster=cluster,
                champion={metric: old or 0.0},
                challenger={metric: new or 0.0},
                unread=(metric,) if old is None or new is None else None,
                inapplicable=(metric,) if old is None else None,
            )
            for row, cluster, old, new in zip(
                judged.rows, judged.clusters, before[metric], after[metric], strict=True
            )
        ]
        way: Better | None = "less" if metric in judged.less else None
        evidence = summarise(items, policy, metric, way, ends.get(metric), sure=True)
        if evidence is None:
            raise InputError(f"{metric}: the dev items of one cluster alone give no interval")
        by_metric[metric] = evidence
    return by_metric


def ranges_of(scorers: Sequence[Scorer], policy: Policy) -> dict[str, Ends]:
    ranges = dict(policy.ranges or {})
    for scorer in scorers:
        ranges |= scorer.ranges
    return ranges


def shown(
    measured: Mapping[str, MetricEvidence], scorers: Sequence[Scorer], policy: Policy
) -> tuple[MetricChange, ...]:
    ends = ranges_of(scorers, policy)
    return tuple(
        MetricChange(
            metric=metric,
            items=evidence.n,
            clusters=evidence.clusters,
            difference=evidence.diff,
            low=low,
            high=high,
        )
        for metric, evidence in measured.items()
        for low, high in [
            (None, None)
            if unbounded(evidence)
            else shown_bounds(metric, reach(evidence, policy.alpha), ends.get(metric))
        ]
    )


def refuse_loss(
    measured: Mapping[str, MetricEvidence], policy: Policy, label: str, shown: str
) -> None:
    """Raise IncumbentError where the policy limits what an export may lose, and it may have lost
    more.
    """
    limits = policy.export_loss or {}
    if lacking := sorted(limits.keys() - measured.keys()):
        raise InputError(
            f"limits {lacking[0]!r}, which cannot be measured on an export: it reads more than "
            "texts, or nobody scored it when the version was judged",
            file="params.yaml",
            field="evaluation.policy.export_loss",
        )
    checks = [
        MarginCheck(label, metric, measured[metric], limit) for metric, limit in limits.items()
    ]
    if broken := [check.doubt for check in checks if not check.passed(policy.alpha)]:
        told = f"{label} breaks evaluation.policy.export_loss, so nothing was written:"
        raise IncumbentError("\n".join([told, *broken, shown]))
