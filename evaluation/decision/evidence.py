"""From score tables to evidence: what each metric says, overall and per slice."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from evaluation.decision.policy import Policy
from evaluation.decision.statistics import Array, p_above, paired
from evaluation.scoring.built_in import better_by_ours
from project.errors import InputError
from project.records.scores import (
    Better,
    Calibration,
    Evidence,
    ItemScore,
    Measured,
    MetricEvidence,
    ScoreTable,
    Usage,
)

PREFERENCE = "preference"
ALL_ITEMS = "all items"
REFERENCE_TABLE = "the table against the regression baseline"


def weigh(
    sealed: ScoreTable | None,
    policy: Policy,
    *,
    dev: ScoreTable | None = None,
    general: ScoreTable | None = None,
    reference: ScoreTable | None = None,
    few_shot: ScoreTable | None = None,
    calibration: Calibration | None = None,
    usage: Mapping[str, Usage] | None = None,
    votes_to_come: bool = False,
) -> Evidence:
    """Summarise the scores. Raises InputError where a comparison would mean nothing.

    `sealed` is None before a look at the sealed eval set was counted: dev alone says then whether
    the challenger qualifies for one. In `reference` and `few_shot` another system stands in the
    champion's place: the regression baseline, from which the regression budget counts, and the
    base model with a few-shot prompt. With `votes_to_come` sealed items may all be unjudged yet.
    """
    tables = [table for table in (sealed, dev) if table]
    for table in tables:
        refuse(table, policy, unjudged_too=votes_to_come and table is sealed)
    slices = sliced(sealed, policy) if sealed else {}
    if sealed:
        refuse_empty_slices(slices, policy)
    if sealed and reference:
        refuse_another_comparison(sealed, reference)
    return Evidence(
        pins=tables[0].pins,
        policy=policy.digest,
        dev=measure(dev, policy) if dev else {},
        sealed=measure(sealed, policy) if sealed else {},
        slices=slices,
        general=whole_and_sliced(general, policy) if general else {},
        reference=measure(reference, policy) if reference else {},
        reference_given=True if reference else None,
        few_shot=measure(few_shot, policy) if few_shot else {},
        calibration=calibration,
        usage=dict(usage or {}),
    )


def refuse(table: ScoreTable, policy: Policy, *, unjudged_too: bool = False) -> None:
    """Raise InputError for a table on which a comparison under this policy would mean nothing."""
    if not table.items:
        raise InputError("the score table is empty")
    if table.pins and table.pins.champion == table.pins.challenger:
        raise InputError("champion and challenger are one adapter: there is nothing to compare")
    better = better_of(table, policy)
    for metric in policy.gating:
        if metric == PREFERENCE:
            if not unjudged_too and all(item.preference is None for item in table.items):
                raise InputError("the policy needs a preference, and no item was judged")
        elif missing := [i.item for i in table.items if metric not in i.champion]:
            raise InputError(f"item {missing[0]!r} lacks the gating metric {metric!r}")
        else:
            refuse_undirected(metric, better.get(metric))
    for metric, way in (policy.better or {}).items():
        refuse_contradiction(metric, way, table)


def refuse_empty_slices(there: Collection[str], policy: Policy) -> None:
    """Raise InputError where the policy names a slice that is not there."""
    if missing := sorted(set(policy.critical_slices) - set(there)):
        raise InputError(f"the policy's critical slice {missing[0]!r} has no item")


def refuse_undirected(metric: str, better: Better | None) -> None:
    """Raise InputError for a gating metric of which it is not known what winning means."""
    if better is None:
        raise InputError(
            f"nobody says whether more or less {metric!r} is better, so it cannot gate: name it in "
            "more_is_better or less_is_better of its scorer's class, or in the policy's `better`"
        )
    if better == "neither":
        raise InputError(f"neither more nor less {metric!r} is better, so it cannot gate")


def refuse_contradiction(metric: str, way: Better, table: ScoreTable) -> None:
    """Raise InputError for a metric in the policy's `better` that the table lacks, and where the
    scorer says something else.
    """
    if metric not in table.metrics:
        raise InputError(f"the policy's `better` names {metric!r}, which was not scored")
    said = (table.better or {}).get(metric, way)
    if said != way:
        raise InputError(f"the policy says that {way} {metric!r} is better, its scorer says {said}")


def refuse_another_comparison(sealed: ScoreTable, reference: ScoreTable) -> None:
    """Raise InputError unless `reference` is about the same items and the same challenger."""
    here, there = ({item.item: item for item in table.items} for table in (sealed, reference))
    if odd := sorted(here.keys() ^ there.keys()):
        lacking = REFERENCE_TABLE if odd[0] in here else "the score table"
        raise InputError(f"{lacking} lacks item {odd[0]!r}: both must have the same items")
    for name, item in here.items():
        other = there[name]
        if item.cluster != other.cluster:
            raise InputError(f"item {name!r} is in another cluster in {REFERENCE_TABLE}")
        for metric in sorted(item.challenger.keys() & other.challenger.keys()):
            if (ours := item.challenger[metric]) != (theirs := other.challenger[metric]):
                raise InputError(
                    f"the challenger has {metric} {ours:g} on item {name!r}, and {theirs:g} in "
                    f"{REFERENCE_TABLE}: both must be about one challenger"
                )


def better_of(table: ScoreTable, policy: Policy) -> dict[str, Better]:
    """Of each metric which way is better, as its scorer says, else as the policy does.

    In a table that another program made, metrics with the names of ours are as ours, and of all
    others more is better.
    """
    said = policy.better or {}
    if table.better is not None:
        return {**said, **table.better}
    return {**dict.fromkeys(table.metrics, "more"), **better_by_ours(), **said}


def sliced(table: ScoreTable, policy: Policy) -> dict[str, Measured]:
    """Evidence on each slice, by name."""
    inside: dict[str, list[ItemScore]] = {}
    for item in table.items:
        for name in item.slices:
            inside.setdefault(name, []).append(item)
    parts = {name: table.model_copy(update={"items": inside[name]}) for name in sorted(inside)}
    return {name: measure(part, policy) for name, part in parts.items()}


def whole_and_sliced(table: ScoreTable, policy: Policy) -> dict[str, Measured]:
    return {ALL_ITEMS: measure(table, policy)} | sliced(table, policy)


def measure(table: ScoreTable, policy: Policy) -> Measured:
    """Evidence on every metric that all items have, and on preference where items were judged.

    Fewer than two clusters carry no error and so no evidence: such a metric is left out.
    """
    items, better = table.items, better_of(table, policy)
    measured = {
        name: summarise(items, policy, name, better.get(name, "neither"))
        for name in sorted(set.intersection(*(set(item.champion) for item in items)))
    }
    judged = [item for item in items if item.preference is not None]
    preference = summarise(judged, policy, PREFERENCE, total=len(items))
    if preference and policy.preference_test == "e-value":
        preference = preference.model_copy(update=cluster_results(items))
    measured[PREFERENCE] = preference
    return {name: found for name, found in measured.items() if found is not None}


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


def differences(items: Sequence[ItemScore], metric: str, better: Better | None = None) -> Array:
    """How much better the challenger is on each item [n]: challenger − champion, or the contrary
    where less is better; of a preference, what it is above one half, items without one left out.
    """
    if metric == PREFERENCE:
        judged = [item.preference for item in items if item.preference is not None]
        return np.array(judged, dtype=np.float64) - 0.5
    sign = -1 if better == "less" else 1
    return sign * np.array([item.challenger[metric] - item.champion[metric] for item in items])


def summarise(
    items: Sequence[ItemScore],
    policy: Policy,
    metric: str,
    better: Better | None = None,
    *,
    total: int | None = None,
) -> MetricEvidence | None:
    clusters = clusters_of(items)
    if len(set(clusters)) < 2:
        return None
    values = differences(items, metric, better)
    found = paired(values, clusters)
    sides = (None, None) if metric == PREFERENCE else means(items, metric)
    return MetricEvidence(
        better=None if better == "more" else better,
        n=found.n,
        clusters=found.clusters,
        unjudged=(total or found.n) - found.n,
        champion_mean=sides[0],
        challenger_mean=sides[1],
        diff=found.diff,
        sd=found.sd,
        se=found.se,
        df=found.df,
        wins=int((values > 0).sum()),
        losses=int((values < 0).sum()),
        p=p_above(found.diff, found.se, found.df, policy.threshold(metric)),
        bootstrap=found.bootstrap,
    )


def means(items: Sequence[ItemScore], metric: str) -> tuple[float, float]:
    champion = float(np.mean([item.champion[metric] for item in items]))
    challenger = float(np.mean([item.challenger[metric] for item in items]))
    return champion, challenger
