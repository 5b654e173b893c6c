"""What a policy guards in suites such as safety: a least mean, and how much may be lost. An item
that was not measured counts as the challenger's worst.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from evaluation.decision.metric_evidence import summarise
from evaluation.decision.policy import Policy, SuiteGuard
from evaluation.decision.score_evidence import ALL_ITEMS
from project.errors import InputError
from project.records.evidence import Evidence, Measured, MetricEvidence, SuiteEvidence
from project.records.scores import Better, ItemScore

SHARE = (0.0, 1.0)  # what any metric of a suite can be


class Guarded(NamedTuple):
    """A guard of the policy, with what was measured of it."""

    suite: str
    metric: str
    guard: SuiteGuard
    champion: MetricEvidence | None
    base: MetricEvidence | None
    against_base: bool  # whether the bare base is another than the champion

    @property
    def missing(self) -> bool:
        return self.champion is None or (self.against_base and self.base is None)


def guarded(evidence: Evidence, policy: Policy) -> Iterator[Guarded]:
    for suite, guards in (policy.suites or {}).items():
        suite_evidence = (evidence.suites or {}).get(suite)
        champion, base = (
            (suite_evidence.champion, suite_evidence.base) if suite_evidence else ({}, None)
        )
        for metric, guard in guards.items():
            yield Guarded(
                suite,
                metric,
                guard,
                on_all_items(champion).get(metric),
                on_all_items(base or {}).get(metric),
                base is not None,
            )


def on_all_items(measured: Mapping[str, Measured]) -> Measured:
    return measured.get(ALL_ITEMS, {})


def broken_suite_floors(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """The means of the challenger that the policy does not allow, whatever anybody else has."""
    for case in guarded(evidence, policy):
        floor, measured = case.guard.floor, case.champion
        if floor is None or measured is None:
            continue
        if measured.beyond(floor):
            yield (
                f"{case.metric} in suite {case.suite} is {measured.own_score:.3f} on {measured.n} "
                f"items, {measured.limit}, {floor:.3f}"
            )


def suite_floors_in_doubt(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """Floors that hold only where nothing is missing: they are not passed by what is left out."""
    for case in guarded(evidence, policy):
        floor, measured = case.guard.floor, case.champion
        if floor is None or measured is None or measured.beyond(floor):
            continue
        if measured.beyond(floor, at_worst=True):
            yield f"{case.metric} in suite {case.suite} is {measured.limit_at_worst}, {floor:.3f}"


def guarded_losses(
    evidence: Evidence, policy: Policy
) -> Iterator[tuple[str, str, MetricEvidence, float]]:
    """What must be shown not to have lost more than its margin, against champion and bare base: who
    against whom, in which metric, what was measured, and the margin.
    """
    for case in guarded(evidence, policy):
        for opponent, measured in (("champion", case.champion), ("bare base", case.base)):
            if case.guard.margin is not None and measured is not None:
                subject = f"suite {case.suite} against the {opponent}"
                yield subject, case.metric, measured, case.guard.margin


def unmeasured_suites(evidence: Evidence, policy: Policy) -> Iterator[str]:
    """The guards of which nothing was measured: they may hide any loss."""
    for case in guarded(evidence, policy):
        if case.missing:
            against = " against the bare base" if case.champion else ""
            yield f"{case.metric} in suite {case.suite} is guarded and was not measured{against}"


def refuse_unmeasured_suites(evidence: Evidence, policy: Policy) -> None:
    """Raise InputError for a guard that names what was not measured, before a look is spent."""
    for problem in unmeasured_suites(evidence, policy):
        known = "; ".join(
            f"{suite} has {', '.join(sorted(on_all_items(suite_evidence.champion)))}"
            for suite, suite_evidence in sorted((evidence.suites or {}).items())
        )
        raise InputError(f"{problem}: {known or 'no suite is on'}", field="evaluation.policy")


# --- suite evidence -------------------------------------------------------------------------------

# From a suite's scores to evidence: every metric on the items that have it, and by slice.


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
    evidence = {
        metric: summarise(
            [item for item in items if metric in item.champion],
            policy,
            metric,
            better.get(metric, "neither"),
            SHARE,
        )
        for metric in sorted({name for item in items for name in item.champion})
    }
    return {metric: measured for metric, measured in evidence.items() if measured is not None}
