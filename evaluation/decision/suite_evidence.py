"""From a suite's scores to evidence: every metric on the items that have it, and by slice."""

from collections.abc import Mapping, Sequence

from evaluation.decision.evidence import ALL_ITEMS
from evaluation.decision.metric_evidence import summarise
from evaluation.decision.policy import Policy
from project.records.evidence import Measured, SuiteEvidence
from project.records.scores import Better, ItemScore


def weigh_suite(
    champion: Sequence[ItemScore],
    base: Sequence[ItemScore] | None,
    better: Mapping[str, Better],
    policy: Policy,
) -> SuiteEvidence:
    """Summarise the scores of a suite's items, which may differ in their metrics.

    In `base` the bare base stands in the champion's place; None: it is the champion.
    """
    return SuiteEvidence(
        champion=by_slice(champion, better, policy),
        base=None if base is None else by_slice(base, better, policy),
    )


def by_slice(
    items: Sequence[ItemScore], better: Mapping[str, Better], policy: Policy
) -> dict[str, Measured]:
    """All items, then each slice; what nothing could be measured on is empty."""
    slices = sorted({name for item in items for name in item.slices})
    parts = {ALL_ITEMS: items} | {
        name: [item for item in items if name in item.slices] for name in slices
    }
    return {name: measure_each(part, better, policy) for name, part in parts.items()}


def measure_each(
    items: Sequence[ItemScore], better: Mapping[str, Better], policy: Policy
) -> Measured:
    found = {
        metric: summarise(
            [item for item in items if metric in item.champion],
            policy,
            metric,
            better.get(metric, "neither"),
        )
        for metric in sorted({name for item in items for name in item.champion})
    }
    return {metric: measured for metric, measured in found.items() if measured is not None}
