"""From score tables to evidence: what each metric says, overall and per slice."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from evaluation.decision.macro_f1 import labels_of, macro_f1, rightness
from evaluation.decision.policy import Policy
from evaluation.decision.sampled_answers import by_item, item_means, spread
from evaluation.decision.statistics import Array, p_above, paired
from evaluation.scoring.built_in import better_by_ours, per_token_by_ours
from project.errors import InputError
from project.records.calibration import Calibration
from project.records.evidence import Evidence, Measured, MetricEvidence, SuiteEvidence, Usage
from project.records.scores import Better, ItemScore, ScoreTable

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
    suites: dict[str, SuiteEvidence] | None = None,
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
        suites=suites,
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
        elif metric not in table.label_metrics and (
            missing := [i.item for i in table.items if metric not in i.champion]
        ):
            raise InputError(f"item {missing[0]!r} lacks the gating metric {metric!r}")
        else:
            refuse_undirected(metric, better.get(metric))
    for metric in policy.floors.keys() & per_token_by_ours():  # which another tokenizer moves
        refuse_undirected(metric, better.get(metric, "more"))
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
    if better == "neither" and metric in per_token_by_ours():
        raise InputError(
            f"champion and challenger read with different tokenizers, and {metric!r} is a mean "
            "over tokens, so it cannot gate: `bits_per_byte` can, with the scorer of that name in "
            "evaluation.scoring.metrics"
        )
    if better == "neither":
        raise InputError(f"neither more nor less {metric!r} is better, so it cannot gate")


def refuse_contradiction(metric: str, way: Better, table: ScoreTable) -> None:
    """Raise InputError for a metric in the policy's `better` that the table lacks, and where the
    scorer says something else.
    """
    if metric not in (*table.metrics, *table.label_metrics):
        raise InputError(f"the policy's `better` names {metric!r}, which was not scored")
    said = (table.better or {}).get(metric, way)
    if said != way:
        raise InputError(f"the policy says that {way} {metric!r} is better, its scorer says {said}")


def refuse_another_comparison(sealed: ScoreTable, reference: ScoreTable) -> None:
    """Raise InputError unless `reference` is about the same items and the same challenger."""
    here, there = (
        {item.item: item for item in item_means(table.items)} for table in (sealed, reference)
    )
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
    names = (*table.metrics, *table.label_metrics)
    return {**dict.fromkeys(names, "more"), **better_by_ours(), **said}


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
    """Evidence on every metric that all items have, on macro-F1 where items have labels, and on
    preference where items were judged.

    Fewer than two clusters carry no error and so no evidence: such a metric is left out.
    """
    items, better = item_means(table.items), better_of(table, policy)
    measured = {
        name: summarise(items, policy, name, better.get(name, "neither"))
        for name in sorted(set.intersection(*(set(item.champion) for item in items)))
    }
    for name in table.label_metrics:
        measured[name] = summarise_labels(table.items, policy, name, better.get(name, "more"))
    judged = [item for item in items if item.preference is not None]
    preference = summarise(judged, policy, PREFERENCE, total=len(items))
    if preference and policy.preference_test == "e-value":
        preference = preference.model_copy(update=cluster_results(items))
    measured[PREFERENCE] = preference
    there = {name: found for name, found in measured.items() if found is not None}
    if len(items) == len(table.items):
        return there
    return {
        name: found.model_copy(update=spread(drawn_differences(table.items, name, found.better)))
        for name, found in there.items()
    }


def drawn_differences(
    answers: Sequence[ItemScore], metric: str, better: Better | None
) -> list[Array]:
    """By item, how much better each of the challenger's answers is; unjudged ones left out."""
    sorted_ones = [answer for answer in answers if metric in (answer.labels or ())]
    return [differences(drawn, metric, better) for drawn in by_item(sorted_ones or answers)]


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
    where less is better; of a preference, what it is above one half, items without one left out; of
    labels, who alone is right.
    """
    if metric == PREFERENCE:
        judged = [item.preference for item in items if item.preference is not None]
        return np.array(judged, dtype=np.float64) - 0.5
    sign = -1 if better == "less" else 1
    if any(item.labels and metric in item.labels for item in items):
        return sign * rightness(items, metric)
    return sign * np.array([item.challenger[metric] - item.champion[metric] for item in items])


def summarise(
    items: Sequence[ItemScore],
    policy: Policy,
    metric: str,
    better: Better | None = None,
    *,
    total: int | None = None,
) -> MetricEvidence | None:
    sides = (None, None) if metric == PREFERENCE else means(items, metric)
    values = differences(items, metric, better)
    return summed_up(values, clusters_of(items), sides, policy, metric, better, total)


def summarise_labels(
    items: Sequence[ItemScore], policy: Policy, metric: str, better: Better
) -> MetricEvidence | None:
    """Macro-F1 of the items that have labels; it is won on those that one side alone has right."""
    held = [item for item in items if item.labels and metric in item.labels]
    clusters = clusters_of(held)
    labels = [one for one in labels_of(held, metric) if one]
    references = [one.reference for one in labels]
    champion = macro_f1(references, [one.champion for one in labels], clusters)
    challenger = macro_f1(references, [one.challenger for one in labels], clusters)
    sides = float(champion.mean()), float(challenger.mean())
    sign = -1 if better == "less" else 1
    values = sign * (challenger - champion)
    found = summed_up(values, clusters, sides, policy, metric, better)
    right = differences(held, metric, better)
    won = {"wins": int((right > 0).sum()), "losses": int((right < 0).sum())}
    count = {"n": len({item.item for item in held})}  # of several answers, each is a line
    return found.model_copy(update=won | count) if found else None


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
    found = paired(values, clusters)
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
