"""What a challenger gained on dev: of its teacher's gain over the base, and of its reward."""

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

import numpy as np
from scipy import special

from evaluation.decision.metric_evidence import clusters_of, item_means, measured_on
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import reach
from evaluation.decision.score_evidence import better_of
from evaluation.decision.statistics import Array, bounds, paired
from project.records.evidence import Evidence, KeptGain, MetricEvidence
from project.records.scores import ItemScore, ScoreTable


def kept_gains(dev: ScoreTable, base: ScoreTable, policy: Policy) -> dict[str, KeptGain]:
    """By gating metric that has a score of each item. In `dev` the teacher is the champion and the
    student the challenger; in `base` the bare base stands in the teacher's place.
    """
    better = better_of(dev, policy)
    gains: dict[str, KeptGain] = {}
    for metric in policy.gating:
        if metric not in dev.metrics or metric not in base.metrics:
            continue
        taught, bare = (scores_on(table, metric) for table in (dev, base))
        names = [name for name in taught if name in bare]
        clusters = clusters_of([taught[name] for name in names])
        if len(set(clusters)) < 2:
            continue
        sign = -1 if better.get(metric) == "less" else 1
        students, teachers, bases = (
            sign * np.array([getattr(table[name], side)[metric] for name in names])
            for table, side in ((taught, "challenger"), (taught, "champion"), (bare, "champion"))
        )
        gains[metric] = kept_gain(students - bases, teachers - bases, clusters, policy.alpha)
    return gains


def kept_lines(kept: Mapping[str, KeptGain]) -> Iterator[str]:
    """A sentence for each metric; one without a share says why."""
    for metric, estimate in kept.items():
        gain = f"of the champion's gain of {estimate.teacher:+.3f} {metric} over the base"
        if estimate.share is None or estimate.interval is None:
            yield f"{metric}: the champion's gain over the base may be none, so no share of it"
        else:
            low, high = estimate.interval
            yield f"{gain} the challenger keeps {estimate.share:.0%} [{low:.0%}, {high:.0%}]"


def scores_on(table: ScoreTable, metric: str) -> dict[str, ItemScore]:
    return {item.item: item for item in measured_on(item_means(table.items), metric)}


def kept_gain(student: Array, teacher: Array, clusters: Sequence[str], alpha: float) -> KeptGain:
    """Of both gains over the base [n], which are paired by item.

    The share is the ratio of the mean gains, with the interval of Fieller 1954 (Journal of the
    Royal Statistical Society B 16: 175): all θ with |x − θ·y| ≤ t·SE(x − θ·y), each end one-sided
    at 1 − alpha, the errors those of clusters. It is an interval, and no other set, exactly where
    the lower bound of the teacher's gain is above zero, so elsewhere no share is told.
    """
    x, y, apart = (paired(gain, clusters) for gain in (student, teacher, student - teacher))
    lower, _ = bounds(y.diff, y.se, y.df, alpha)
    estimate = KeptGain(n=y.n, clusters=y.clusters, teacher=y.diff, student=x.diff, lower=lower)
    if lower <= 0:
        return estimate
    together = (x.se**2 + y.se**2 - apart.se**2) / 2  # their covariance
    t2 = float(special.stdtrit(y.df, alpha)) ** 2
    a = y.diff**2 - t2 * y.se**2
    b = x.diff * y.diff - t2 * together
    c = x.diff**2 - t2 * x.se**2
    reach = sqrt(max(0.0, b * b - a * c))
    ends = ((b - reach) / a, (b + reach) / a)
    return estimate.model_copy(update={"share": x.diff / y.diff, "interval": ends})


# --- reward alone ---------------------------------------------------------------------------------

# Whether the reward rose alone: a model learns its reward's holes, and no reward has none.


def rose_alone(evidence: Evidence, policy: Policy) -> bool:
    """Whether on dev a metric that rewarded the challenger rose, and no other that decides did."""
    others = not_rewarded(evidence, policy)
    return bool(
        others
        and any(rose(evidence.dev[name], policy) for name in rewards(evidence))
        and not any(rose(evidence.dev[name], policy) for name in others)
    )


def reward_gains(evidence: Evidence, policy: Policy) -> str | None:
    """What rewarded the challenger, and what became of it; None where it learnt from no reward.

    Each bound is one-sided, at the policy's alpha, and its error is clustered by group.
    """
    names = rewards(evidence)
    return f"rewarded by {gains_text(evidence, policy, names)}" if names else None


def reward_doubt(evidence: Evidence, policy: Policy) -> str | None:
    """Why the reward may have been pleased and nobody else; None where nothing says so."""
    others = not_rewarded(evidence, policy)
    if rewards(evidence) and not others:
        return "all that decides was rewarded, so nothing else on dev tells what became better"
    if not rose_alone(evidence, policy):
        return None
    return (
        "the reward rose alone: of what decides, nothing else rose beyond chance, "
        f"{gains_text(evidence, policy, others)}; read the answers where they part"
    )


def rewards(evidence: Evidence) -> list[str]:
    return [name for name in evidence.rewarded or () if name in evidence.dev]


def not_rewarded(evidence: Evidence, policy: Policy) -> list[str]:
    """What decides, was measured on dev, and rewarded nothing."""
    unrewarded = evidence.dev.keys() - set(evidence.rewarded or ())
    return [name for name in policy.gating if name in unrewarded]


def rose(evidence: MetricEvidence, policy: Policy) -> bool:
    return reach(evidence, policy.alpha)[0] > 0


def gains_text(evidence: Evidence, policy: Policy, names: list[str]) -> str:
    parts = []
    for name in names:
        measured = evidence.dev[name]
        low, high = reach(measured, policy.alpha)
        parts.append(f"{name} {measured.diff:+.3f} [{low:+.3f}, {high:+.3f}]")
    return ", ".join(parts)
