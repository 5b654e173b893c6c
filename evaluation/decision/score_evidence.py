"""From score tables to evidence: what each metric says, overall and per slice."""

from collections.abc import Collection, Mapping

from evaluation.decision.metric_evidence import PREFERENCE as PREFERENCE  # others know it from here
from evaluation.decision.metric_evidence import (
    cluster_results,
    item_means,
    spread,
    summarise,
    summarise_labels,
)
from evaluation.decision.policy import Policy
from evaluation.scoring.built_in import better_by_ours, per_token_by_ours, ranges_by_ours
from project.errors import InputError
from project.records.evidence import (
    Evidence,
    Measured,
    SuiteEvidence,
    Usage,
    rated_by_people,
)
from project.records.preferences import Calibration
from project.records.scores import Better, Ends, ItemScore, ScoreTable, out_of_range

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
    slices = sliced(sealed, policy, sure=True) if sealed else {}
    if sealed:
        refuse_empty_slices(slices, policy)
    if sealed and reference:
        refuse_another_comparison(sealed, reference)
    return Evidence(
        pins=tables[0].pins,
        policy=policy.digest,
        dev=measure(dev, policy) if dev else {},
        sealed=measure(sealed, policy, sure=True) if sealed else {},
        slices=slices,
        general={ALL_ITEMS: measure(general, policy)} | sliced(general, policy) if general else {},
        reference=measure(reference, policy, sure=True) if reference else {},
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
        elif rated_by_people(metric):
            continue  # no model says it: it comes in with people's votes
        elif metric not in table.label_metrics and (
            missing := [i.item for i in table.items if metric not in i.champion]
        ):
            raise InputError(f"item {missing[0]!r} lacks the gating metric {metric!r}")
        else:
            refuse_undirected(metric, better.get(metric))
    refuse_out_of_range(table, policy)
    refuse_unscored((*table.metrics, *table.label_metrics), policy)
    for metric in policy.guards or ():
        refuse_undirected(metric, better.get(metric))
    for metric in policy.floors.keys() & per_token_by_ours():  # which another tokenizer moves
        refuse_undirected(metric, better.get(metric, "more"))
    for metric, way in (policy.better or {}).items():
        refuse_contradiction(metric, way, table)


def refuse_unscored(names: Collection[str], policy: Policy) -> None:
    """Raise InputError where the policy has a guard or a floor for what is not among the names."""
    for what, metrics in (("guard", policy.guards or {}), ("floor", policy.floors)):
        if unknown := sorted(metrics.keys() - {*names, PREFERENCE}):
            raise InputError(f"the policy's {what} names {unknown[0]!r}, which was not scored")


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
    scorer_way = (table.better or {}).get(metric, way)
    if scorer_way != way:
        raise InputError(
            f"the policy says that {way} {metric!r} is better, its scorer says {scorer_way}"
        )


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
    policy_ways = policy.better or {}
    if table.better is not None:
        return {**policy_ways, **table.better}
    names = (*table.metrics, *table.label_metrics)
    return {**dict.fromkeys(names, "more"), **better_by_ours(), **policy_ways}


def ranges_of(table: ScoreTable, policy: Policy) -> dict[str, Ends]:
    """The least and the most that each metric can be, as far as its scorer or the policy says.

    In a table that another program made, metrics with the names of ours are as ours where all of
    their scores fit: others count ROUGE in per cent.
    """
    policy_ranges = policy.ranges or {}
    if table.ranges is not None:
        return {**policy_ranges, **table.ranges}
    fitting = {
        name: ends
        for name, ends in ranges_by_ours().items()
        if not any(
            out_of_range(value, ends)
            for item in table.items
            for value in scores_of_both(item, name)
        )
    }
    return {**fitting, **policy_ranges}


def scores_of_both(item: ItemScore, metric: str) -> list[float]:
    """What both sides have, where it was measured."""
    sides = () if metric in (item.unread or ()) else (item.champion, item.challenger)
    return [side[metric] for side in sides if metric in side]


def refuse_out_of_range(table: ScoreTable, policy: Policy) -> None:
    """Raise InputError for a score that the policy, or its scorer, says no metric can be."""
    for name, ends in ({**(policy.ranges or {}), **(table.ranges or {})}).items():
        for item in table.items:
            if odd := [value for value in scores_of_both(item, name) if out_of_range(value, ends)]:
                raise InputError(
                    f"item {item.item!r} has {name} {odd[0]:g}, and its range is {ends[0]:g} to "
                    f"{ends[1]:g}"
                )


def sliced(table: ScoreTable, policy: Policy, *, sure: bool = False) -> dict[str, Measured]:
    """Evidence on each slice, by name."""
    inside: dict[str, list[ItemScore]] = {}
    for item in table.items:
        for name in item.slices:
            inside.setdefault(name, []).append(item)
    known = ranges_of(table, policy)  # by all items: those of a slice may fit by chance
    parts = {
        name: table.model_copy(update={"items": inside[name], "ranges": known})
        for name in sorted(inside)
    }
    return {name: measure(part, policy, sure=sure) for name, part in parts.items()}


def measure(table: ScoreTable, policy: Policy, *, sure: bool = False) -> Measured:
    """Evidence on every metric that all items have, on macro-F1 where items have labels, and on
    preference where items were judged.

    Fewer than two clusters carry no error and so no evidence: such a metric is left out. With
    `sure` what the policy checks has bounds that hold for any distribution, where its range is
    known: what sealed items decide.
    """
    items, better = item_means(table.items), better_of(table, policy)
    ranges, checked = ranges_of(table, policy), {*policy.checked} if sure else set[str]()
    measured = {
        name: summarise(
            table.items,
            policy,
            name,
            better.get(name, "neither"),
            ranges.get(name),
            sure=name in checked,
        )
        for name in sorted(set.intersection(*(set(item.champion) for item in items)))
    }
    for name in table.label_metrics:
        measured[name] = summarise_labels(table.items, policy, name, better.get(name, "more"))
    preference = summarise(table.items, policy, PREFERENCE, sure=PREFERENCE in checked)
    if preference and policy.preference_test == "e-value":
        preference = preference.model_copy(update=cluster_results(items))
    measured[PREFERENCE] = preference
    there = {name: evidence for name, evidence in measured.items() if evidence is not None}
    if len(items) == len(table.items):
        return there
    return {
        name: evidence.model_copy(update=spread(table.items, name, evidence.better))
        for name, evidence in there.items()
    }
