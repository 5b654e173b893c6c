"""The suites in the report: base, champion and challenger beside each other, by slice."""

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.decision.policy import Policy, SuiteGuard
from evaluation.decision.policy_checks import reach
from evaluation.decision.power import USUAL, detectable
from project.records.evidence import Evidence, Measured, MetricEvidence, SuiteEvidence


@dataclass(frozen=True)
class BoundedDifference:
    """How much better the challenger is than somebody, with one-sided bounds."""

    found: MetricEvidence
    lower: float
    upper: float


@dataclass(frozen=True)
class SuiteLine:
    """One metric on all items of a suite, or on a slice of them."""

    part: str
    metric: str
    champion: BoundedDifference
    base: BoundedDifference | None  # None: the champion is the bare base
    guard: SuiteGuard | None  # on all items alone
    smallest: float  # loss that so many items find in most cases


def suite_lines(evidence: Evidence, policy: Policy, alpha: float) -> dict[str, list[SuiteLine]]:
    """Of each suite, all items first."""
    return {
        suite: lines_of(found, (policy.suites or {}).get(suite, {}), alpha)
        for suite, found in (evidence.suites or {}).items()
    }


def lines_of(
    found: SuiteEvidence, guards: Mapping[str, SuiteGuard], alpha: float
) -> list[SuiteLine]:
    return [
        SuiteLine(
            part=part,
            metric=metric,
            champion=against(measured[metric], alpha),
            base=against_base(found.base, part, metric, alpha),
            guard=None if position else guards.get(metric),
            smallest=smallest_loss(measured[metric].n, alpha),
        )
        for position, (part, measured) in enumerate(found.champion.items())
        for metric in sorted(measured)
    ]


def against_base(
    base: Mapping[str, Measured] | None, part: str, metric: str, alpha: float
) -> BoundedDifference | None:
    measured = (base or {}).get(part, {})
    return against(measured[metric], alpha) if metric in measured else None


def against(found: MetricEvidence, alpha: float) -> BoundedDifference:
    lower, upper = reach(found, alpha)
    return BoundedDifference(found=found, lower=lower, upper=upper)


def smallest_loss(items: int, alpha: float, chance: float = USUAL) -> float:
    """The smallest true loss in a share of items that is found with a chance, at a level.

    Where whoever differs loses, the items' differences spread by √(L (1 − L)) for a loss L; of
    `detectable`'s L = c √(L (1 − L)) that makes c² / (1 + c²). Where some also win, it is larger.
    """
    times = detectable(items, 1.0, alpha, chance) ** 2
    return times / (1 + times)
