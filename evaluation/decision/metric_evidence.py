"""What one metric says of a challenger: its items' paired differences, and what they sum up to.

An item is missing where a metric applies to it and was not measured, for whatever reason. It is in
no mean that people are shown; in the bounds that decide it counts as an end of the metric's range:
as the challenger's worst below, as its best above. So leaving an item out never helps anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import fmean
from typing import Any

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import Array, p_above, paired, sure_bounds
from project.records.evidence import PREFERENCE as PREFERENCE  # others know it from here
from project.records.evidence import Extreme, MetricEvidence, SureBounds, rated_by_people
from project.records.scores import Better, Ends, ItemScore, Labels

HALVES = (-0.5, 0.5)  # a preference less one half
STARS = (1.0, 5.0)  # that people rate in


def summarise(
    items: Sequence[ItemScore],
    policy: Policy,
    metric: str,
    better: Better | None = None,
    ends: Ends | None = None,
    *,
    sure: bool = False,
) -> MetricEvidence | None:
    """Of the items on which it was measured, and what the missing ones may hide.

    `ends` are the least and the most that the metric can be; None: nobody says it. Where that is
    known, bounds that hold for any distribution stand beside with `sure`, and where all items gain
    alike. An item may have several lines, one an answer. Fewer than two clusters say nothing: None.
    """
    means_of = item_means(items)
    there = measured_on(means_of, metric)
    if not there:
        return None
    sides = (None, None) if metric == PREFERENCE else means(there, metric)
    values, clusters = differences(there, metric, better), clusters_of(there)
    evidence = summed_up(values, clusters, sides, policy, metric, better, len(means_of))
    if evidence is None:
        return None
    spanned = Spanned.of(items, metric, better, ends)
    update = spanned.bounds(evidence, policy.threshold(metric))
    if spanned.missing and (own_range := own_ends(metric, ends)):
        worst = own_range[1] if better == "less" else own_range[0]
        update["own_worst"] = own_mean(items, metric, worst)
    if (sure or evidence.gains_alike) and spanned.reach:
        update["sure"] = spanned.sure(*spanned.reach)
    return evidence.model_copy(update=update)


@dataclass(frozen=True)
class Spanned:
    """The differences [n] of all items that a metric applies to, at worst and at best."""

    worst: Array
    best: Array
    clusters: list[str]
    missing: int
    reach: Ends | None  # of a difference

    @classmethod
    def of(
        cls, lines: Sequence[ItemScore], metric: str, better: Better | None, ends: Ends | None
    ) -> "Spanned":
        applying = [line for line in lines if metric not in (line.inapplicable or ())]
        drawn, reach = by_item(applying), reach_of(metric, ends)
        clusters = clusters_of([draws[0] for draws in drawn])
        missing = sum(len(measured_on(draws, metric)) < len(draws) for draws in drawn)
        if not missing:
            known = differences(item_means(applying), metric, better)
            return cls(known, known, clusters, missing, reach)
        worst, best = (
            np.array([spanned(draws, metric, better, end) for draws in drawn])
            for end in reach or (0.0, 0.0)
        )
        return cls(worst, best, clusters, missing, reach)

    def bounds(self, evidence: MetricEvidence, threshold: float) -> dict[str, Any]:
        """What evidence on the measured items needs beside, to be true of all of them."""
        if not self.missing:
            return {}
        if not self.reach:
            return {"missing": self.missing}
        worst, best = (self.extreme(values) for values in (self.worst, self.best))
        p = p_above(worst.diff, worst.se, worst.df, threshold)
        return {"missing": self.missing, "worst": worst, "best": best, "p": max(p, evidence.p)}

    def sure(self, low: float, high: float) -> SureBounds:
        worst, best = (np.clip(values, low, high) for values in (self.worst, self.best))
        return sure_bounds(worst, self.clusters, low, high, best)

    def extreme(self, values: Array) -> Extreme:
        mean = paired(values, self.clusters)
        return Extreme(diff=mean.diff, se=mean.se, df=mean.df)


def own_ends(metric: str, ends: Ends | None) -> Ends | None:
    """The least and the most that the challenger's own score can be."""
    if metric == PREFERENCE:
        return (0.0, 1.0)
    return STARS if rated_by_people(metric) else ends


def reach_of(metric: str, ends: Ends | None) -> Ends | None:
    """The least and the most that a difference can be."""
    if metric == PREFERENCE:
        return HALVES
    own_range = own_ends(metric, ends)
    return own_range and (own_range[0] - own_range[1], own_range[1] - own_range[0])


def shown_bounds(
    metric: str, bounds: tuple[float, float], ends: Ends | None
) -> tuple[float, float]:
    """Bounds as people are shown them: within what a difference can be, as a t-interval of few
    items is not. The rule keeps its own.
    """
    least, most = reach_of(metric, ends) or (-inf, inf)
    return max(bounds[0], least), min(bounds[1], most)


def own_mean(lines: Sequence[ItemScore], metric: str, missing: float) -> float:
    """The challenger's mean over all items that a metric applies to, where each answer that was not
    measured counts as `missing`.
    """

    def own(line: ItemScore) -> float:
        if not measured_on([line], metric):
            return missing
        known = line.preference if metric == PREFERENCE else line.challenger[metric]
        return missing if known is None else known

    applying = [line for line in lines if metric not in (line.inapplicable or ())]
    return float(np.mean([np.mean([own(line) for line in draws]) for draws in by_item(applying)]))


def spanned(
    lines: Sequence[ItemScore], metric: str, better: Better | None, missing: float
) -> float:
    """An item's difference where each of its answers that was not measured counts as `missing`."""
    known = differences(lines, metric, better)
    return float(known.sum() + missing * (len(lines) - len(known))) / len(lines)


def measured_on(items: Sequence[ItemScore], metric: str) -> list[ItemScore]:
    """The items without those that were not judged, or of which a score could not be read."""
    if metric == PREFERENCE:
        return [item for item in items if item.preference is not None]
    return [item for item in items if metric not in (item.unread or ())]


def summarise_labels(
    items: Sequence[ItemScore], policy: Policy, metric: str, better: Better
) -> MetricEvidence | None:
    """Macro-F1 of the items that have labels; it is won on those that one side alone has right.
    Each answer without any may be as wrong, or as right, as a difference of two F1 can be.
    """
    applying = [item for item in items if metric not in (item.inapplicable or ())]
    held = [item for item in applying if item.labels and metric in item.labels]
    lacking = [item for item in applying if not (item.labels and metric in item.labels)]
    clusters = clusters_of(held)
    labels = [label for label in labels_of(held, metric) if label]
    references = [label.reference for label in labels]
    champion = macro_f1(references, [label.champion for label in labels], clusters)
    challenger = macro_f1(references, [label.challenger for label in labels], clusters)
    sides = float(champion.mean()), float(challenger.mean())
    sign = -1 if better == "less" else 1
    values = sign * (challenger - champion)
    evidence = summed_up(values, clusters, sides, policy, metric, better)
    if evidence is None:
        return None
    right = differences(held, metric, better)
    update: dict[str, Any] = {"wins": int((right > 0).sum()), "losses": int((right < 0).sum())}
    update["n"] = len({item.item for item in held})  # of several answers, each is a line
    if lacking:
        ends, every = np.ones(len(lacking)), [*clusters, *clusters_of(lacking)]
        worst, best = np.append(values, -ends), np.append(values, ends)
        missing = len({item.item for item in lacking})
        spanned = Spanned(worst, best, every, missing, (-1.0, 1.0))
        update |= spanned.bounds(evidence, policy.threshold(metric))
        update["own_worst"] = float(np.append(challenger, ends * (better == "less")).mean())
    return evidence.model_copy(update=update)


def summed_up(
    values: Array,
    clusters: Sequence[str],
    sides: tuple[float | None, float | None],
    policy: Policy,
    metric: str,
    better: Better | None,
    total: int | None = None,
) -> MetricEvidence | None:
    if len(set(clusters)) < 2:
        return None
    mean = paired(values, clusters)
    return MetricEvidence(
        better=None if better == "more" else better,
        n=mean.n,
        clusters=mean.clusters,
        unjudged=(total or mean.n) - mean.n,
        champion_mean=sides[0],
        challenger_mean=sides[1],
        diff=mean.diff,
        sd=mean.sd,
        se=mean.se,
        df=mean.df,
        wins=int((values > 0).sum()),
        losses=int((values < 0).sum()),
        p=p_above(mean.diff, mean.se, mean.df, policy.threshold(metric)),
        bootstrap=mean.bootstrap,
    )


def differences(items: Sequence[ItemScore], metric: str, better: Better | None = None) -> Array:
    """How much better the challenger is on each item [n]: challenger − champion, or the contrary
    where less is better; of a preference, what it is above one half; of labels, who alone is right.
    Items on which it was not measured are left out.
    """
    items = measured_on(items, metric)
    if metric == PREFERENCE:
        return np.array([item.preference for item in items], dtype=np.float64) - 0.5
    sign = -1 if better == "less" else 1
    if any(item.labels and metric in item.labels for item in items):
        return sign * rightness(items, metric)
    return sign * np.array([item.challenger[metric] - item.champion[metric] for item in items])


def means(items: Sequence[ItemScore], metric: str) -> tuple[float, float]:
    champion = float(np.mean([item.champion[metric] for item in items]))
    challenger = float(np.mean([item.challenger[metric] for item in items]))
    return champion, challenger


def cluster_results(items: Sequence[ItemScore]) -> dict[str, int]:
    """How many clusters won and lost a preference, each by most of its items; empty where each item
    is a cluster of its own.

    Items of one cluster are not independent, so they are one piece of evidence. A cluster with an
    item that was not judged yet counts for nothing: it could still turn, and what may turn is no
    test that one may look at any time.
    """
    preferences: dict[str, list[float | None]] = {}
    for item, cluster in zip(items, clusters_of(items), strict=True):
        preferences.setdefault(cluster, []).append(item.preference)
    if len(preferences) == len(items):
        return {}
    leads = [
        sum((p > 0.5) - (p < 0.5) for p in judged)
        for all_of_it in preferences.values()
        if len(judged := [p for p in all_of_it if p is not None]) == len(all_of_it)
    ]
    won, lost = sum(lead > 0 for lead in leads), sum(lead < 0 for lead in leads)
    return {"clusters_won": won, "clusters_lost": lost}


def clusters_of(items: Sequence[ItemScore]) -> list[str]:
    """The cluster of each item; one without a name is alone in its own."""
    return [item.item if item.cluster is None else item.cluster for item in items]


# --- macro f1 -------------------------------------------------------------------------------------

# Macro-F1: a score over all items, with a value for each item of which it is the mean.
#
# F1 of a label is 2·TP / (2·TP + FP + FN), and no mean over items. To first order, item i moves it
# by (2·t_i − F1·s_i) / S: t_i is 1 where reference and answer are the label, s_i counts on how many
# of the two sides it is, and S is the sum of s_i (the delta method; Takahashi et al. 2022, Applied
# Intelligence 52: 4961). So paired differences of these values have the error of the difference of
# two macro-F1s, in every slice and with clusters. Few items of a label would make that error too
# small: dividing by √(S·(S − s_c)) instead of S, for s_c of the item's cluster, corrects it as CR2
# does for a mean.

LEAST_LEFT = 0.5  # of S without a cluster, where all of a label is in one


def labels_of(items: Sequence[ItemScore], metric: str) -> list[Labels | None]:
    return [(item.labels or {}).get(metric) for item in items]


def macro_f1(
    references: Sequence[str], answers: Sequence[str | None], clusters: Sequence[str]
) -> Array:
    """Values [n] whose mean is the mean F1 of the labels that the references have.

    An answer of None is none of the labels: it is wrong, and no label's false positive.
    """
    expected, given = np.array(references, dtype=object), np.array(answers, dtype=object)
    _, cluster = np.unique(np.array(clusters), return_inverse=True)
    labels = sorted(set(references))
    moved, score = np.zeros(len(references)), 0.0
    for label in labels:
        is_it, is_told = expected == label, given == label
        sides = is_it.astype(np.float64) + is_told
        f1 = 2.0 * (is_it & is_told).sum() / sides.sum()
        within = np.bincount(cluster, weights=sides)[cluster]
        left = np.maximum(sides.sum() - within, LEAST_LEFT)
        moved += (2.0 * (is_it & is_told) - f1 * sides) / np.sqrt(sides.sum() * left)
        score += f1
    moved *= len(references) / len(labels)
    values: Array = score / len(labels) + moved - moved.mean()
    return values


def rightness(items: Sequence[ItemScore], metric: str) -> Array:
    """Whether on each item [n] the challenger alone is right, 1, or the champion alone, −1."""
    gains = [
        0.0
        if label is None
        else float(label.challenger == label.reference) - (label.champion == label.reference)
        for label in labels_of(items, metric)
    ]
    return np.array(gains, dtype=np.float64)


# --- sampled answers ------------------------------------------------------------------------------

# Several answers an item: it counts by their mean, and their spread is shown beside it.
#
# They are a cluster. With equally many answers an item, the mean over items of the items' means and
# its cluster-robust error are those of all answers, each item being a cluster.


def by_item(answers: Iterable[ItemScore]) -> list[list[ItemScore]]:
    """The scores of each item's answers, items in the order in which they first come."""
    answers_of: dict[str, list[ItemScore]] = {}
    for answer in answers:
        answers_of.setdefault(answer.item, []).append(answer)
    return list(answers_of.values())


def item_means(answers: Sequence[ItemScore]) -> tuple[ItemScore, ...]:
    """One line an item: the means over its answers, of what was judged and could be read."""
    items = by_item(answers)
    if len(items) == len(answers):
        return tuple(answers)
    return tuple(mean_of(drawn) for drawn in items)


def mean_of(drawn: Sequence[ItemScore]) -> ItemScore:
    judged = [sample.preference for sample in drawn if sample.preference is not None]
    read = {
        name: [sample for sample in drawn if name not in (sample.unread or ())]
        for name in drawn[0].champion
    }
    unread = tuple(sorted(name for name, ones in read.items() if not ones))
    never = set.intersection(*({*(sample.inapplicable or ())} for sample in drawn)) & {*unread}
    return drawn[0].model_copy(
        update={
            "champion": {m: fmean(o.champion[m] for o in read[m] or drawn) for m in read},
            "challenger": {m: fmean(o.challenger[m] for o in read[m] or drawn) for m in read},
            "preference": fmean(judged) if judged else None,
            "unread": unread or None,
            "inapplicable": tuple(sorted(never)) or None,
        }
    )


def spread(answers: Sequence[ItemScore], metric: str, better: Better | None) -> dict[str, float]:
    """How many answers an item has at most, and the pooled standard deviation of a difference
    within items: √(Σ_i Σ_s (d_is − d̄_i)² / Σ_i (k_i − 1)). Nothing where no item has two; unjudged
    answers are left out.
    """
    labelled = [answer for answer in answers if metric in (answer.labels or ())]
    drawn = [differences(of_item, metric, better) for of_item in by_item(labelled or answers)]
    several = [repeats for repeats in drawn if len(repeats) > 1]
    if not several:
        return {}
    squares = sum(float(((d - d.mean()) ** 2).sum()) for d in several)
    return {
        "samples": max(map(len, several)),
        "within_sd": sqrt(squares / sum(len(d) - 1 for d in several)),
    }
