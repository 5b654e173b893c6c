"""From score tables to evidence: what each metric says, overall and per slice."""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.policy import Policy
from evaluation.statistics import Array, p_above, paired
from registry.errors import InputError
from registry.records import (
    Calibration,
    Evidence,
    ItemScore,
    MetricEvidence,
    ScoreTable,
)

PREFERENCE = "preference"
Measured = dict[str, MetricEvidence]


def weigh(
    sealed: ScoreTable,
    policy: Policy,
    dev: ScoreTable | None = None,
    calibration: Calibration | None = None,
    tokens: Mapping[str, float] | None = None,
) -> Evidence:
    """Summarise the scores. Raises InputError where a comparison would mean nothing."""
    for table in (sealed, dev) if dev else (sealed,):
        refuse(table, policy)
    slices = sorted({name for item in sealed.items for name in item.slices})
    if missing := sorted(policy.critical_slices.keys() - set(slices)):
        raise InputError(f"the policy's critical slice {missing[0]!r} has no item")
    return Evidence(
        pins=sealed.pins,
        policy=policy.digest,
        dev=measure(dev.items, policy) if dev else {},
        sealed=measure(sealed.items, policy),
        slices={
            name: measure([item for item in sealed.items if name in item.slices], policy)
            for name in slices
        },
        calibration=calibration,
        tokens=dict(tokens or {}),
    )


def refuse(table: ScoreTable, policy: Policy) -> None:
    """Raise InputError for an empty table, a self-comparison or a gating metric that is missing."""
    if not table.items:
        raise InputError("the score table is empty")
    if table.pins and table.pins.champion == table.pins.challenger:
        raise InputError("champion and challenger are one adapter: there is nothing to compare")
    for metric in policy.gating:
        if metric == PREFERENCE:
            if all(item.preference is None for item in table.items):
                raise InputError("the policy needs a preference, and no item was judged")
        elif missing := [i.item for i in table.items if metric not in i.champion]:
            raise InputError(f"item {missing[0]!r} lacks the gating metric {metric!r}")


def measure(items: Sequence[ItemScore], policy: Policy) -> Measured:
    """Evidence on every metric that all items have, and on preference where items were judged.

    Fewer than two clusters carry no error and so no evidence: such a metric is left out.
    """
    measured = {
        name: summarise(items, differences(items, name), policy, name)
        for name in sorted(set.intersection(*(set(item.champion) for item in items)))
    }
    judged = [item for item in items if item.preference is not None]
    preferred = np.array([item.preference for item in judged], dtype=np.float64) - 0.5
    measured[PREFERENCE] = summarise(judged, preferred, policy, PREFERENCE, len(items))
    return {name: found for name, found in measured.items() if found is not None}


def differences(items: Sequence[ItemScore], metric: str) -> Array:
    return np.array([item.challenger[metric] - item.champion[metric] for item in items])


def summarise(
    items: Sequence[ItemScore],
    values: Array,
    policy: Policy,
    metric: str,
    total: int | None = None,
) -> MetricEvidence | None:
    clusters = [item.item if item.cluster is None else item.cluster for item in items]
    if len(set(clusters)) < 2:
        return None
    found = paired(values, clusters)
    sides = (None, None) if metric == PREFERENCE else means(items, metric)
    return MetricEvidence(
        n=found.n,
        clusters=found.clusters,
        unjudged=(total or found.n) - found.n,
        champion_mean=sides[0],
        challenger_mean=sides[1],
        diff=found.diff,
        sd=found.sd,
        se=found.se,
        df=found.df,
        p=p_above(found.diff, found.se, found.df, policy.threshold(metric)),
        bootstrap=found.bootstrap,
    )


def means(items: Sequence[ItemScore], metric: str) -> tuple[float, float]:
    champion = float(np.mean([item.champion[metric] for item in items]))
    challenger = float(np.mean([item.challenger[metric] for item in items]))
    return champion, challenger
