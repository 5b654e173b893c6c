"""Metrics with their bounds as a table, and the verdict on them."""

from collections.abc import Iterable, Mapping

from rich.text import Text

from evaluation.decision.metric_evidence import shown_bounds
from evaluation.decision.policy import Policy
from evaluation.scoring.built_in import ranges_by_ours
from incumbent.output import coloured, console, print_table, say
from project.records.evidence import Bound, Decision, Measured, MetricEvidence

COLUMNS = (
    "metric",
    ">champion",
    ">challenger",
    ">difference",
    ">interval",
    ">items",
    "verdict",
)


def print_measured(
    measured: Measured, bounds: Mapping[str, Bound], guards: Mapping[str, float] | None = None
) -> None:
    """A line a metric; a guarded one has kept its place where it lost less than its margin."""
    allowed = guards or {}
    print_table(
        COLUMNS,
        (cells(name, m, bounds.get(name), allowed.get(name)) for name, m in measured.items()),
    )


def print_arrow_note(measured: Measured) -> None:
    """What the arrow in a table means, where there is one."""
    if any(measurement.better == "less" for measurement in measured.values()):
        console.print("\n↓ less is better: the difference is how much less", style="dim")


def cells(
    metric: str, evidence: MetricEvidence, bound: Bound | None, margin: float | None = None
) -> tuple[str | Text, ...]:
    return (
        f"{metric} ↓" if evidence.better == "less" else metric,
        number(evidence.champion_mean),
        number(evidence.challenger_mean),
        f"{evidence.diff:+.3f}",
        interval(metric, bound) if bound else "",
        str(evidence.n),
        bound_text(bound, margin) if bound and evidence.better != "neither" else "",
    )


def interval(metric: str, bound: Bound) -> str:
    ends = ranges_by_ours().get(metric)
    lower, upper = shown_bounds(metric, (bound.lower, bound.upper), ends)
    return f"{lower:+.3f} … {upper:+.3f}"


def number(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.3f}"


def bound_text(bound: Bound, margin: float | None = None) -> Text:
    """The bound, with a margin where the metric need not be better."""
    if bound.won:
        return Text("better", "green")
    if margin is not None and bound.lower > -margin:
        return Text("not worse", "green")
    return Text("worse", "red") if bound.upper < 0 else Text("undecided", "yellow")


def print_verdict(
    decision: Decision, policy: Policy, subject: str = "", ways_out: Iterable[str] = ()
) -> None:
    """The verdict, why, how many items are missing, and what would turn it."""
    share = (
        f" (look {decision.opening}, alpha {alpha_text(decision.alpha)})" if decision.alpha else ""
    )
    console.print(Text.assemble(subject, coloured(decision.verdict.value), share))
    for reason in decision.reasons:
        console.print(f"  {reason}")
    if decision.needed:
        console.print(
            f"  about {decision.needed} more eval items would settle it at the next look"
            f"{if_small(policy)}"
        )
    for way in ways_out:
        say(f"  what would turn it: {way}")


def alpha_text(alpha: float) -> str:
    """A level as people read it: with four decimals, or two digits where these would be zeros."""
    return f"{alpha:.4f}" if alpha >= 0.001 else f"{alpha:.2g}"


def if_small(policy: Policy) -> str:
    """Which difference takes so many items; nothing where such a one would not win."""
    if policy.effect <= max(map(policy.threshold, policy.gating)):
        return ""
    return f", if the true difference is at least {policy.effect:g}"
