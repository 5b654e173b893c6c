"""Whether the reward rose alone: a model learns its reward's holes, and no reward has none."""

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import reach
from project.records.evidence import Evidence, MetricEvidence


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
    found = evidence.dev.keys() - set(evidence.rewarded or ())
    return [name for name in policy.gating if name in found]


def rose(found: MetricEvidence, policy: Policy) -> bool:
    return reach(found, policy.alpha)[0] > 0


def gains_text(evidence: Evidence, policy: Policy, names: list[str]) -> str:
    parts = []
    for name in names:
        found = evidence.dev[name]
        low, high = reach(found, policy.alpha)
        parts.append(f"{name} {found.diff:+.3f} [{low:+.3f}, {high:+.3f}]")
    return ", ".join(parts)
