"""`incumbent decide`: a verdict from anybody's score table, with no project and no registry."""

from pathlib import Path
from typing import Any

from evaluation.decision.evidence import PREFERENCE, weigh
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import reach
from evaluation.decision.rule import rule
from evaluation.scoring.built_in import better_by_ours
from evaluation.scoring.score_table import read_score_table
from incumbent.comparison_table import print_arrow_note, print_measured, print_verdict
from incumbent.output import EXIT_CODES, console, print_json
from project.errors import InputError
from project.records.scores import Bound, Decision, Evidence, ItemScore, Measured
from project.settings import read_settings


def decide_on_scores(
    scores: Path,
    *,
    policy_file: Path | None,
    look: int,
    general: Path | None,
    reference: Path | None,
    as_json: bool,
) -> int:
    """Print the verdict on a score table; returns its exit code.

    Raises InputError naming file, line and field.
    """
    table = read_score_table(scores)
    policy = (
        read_settings(Policy, policy_file) if policy_file else default_policy(scores, table.items)
    )
    suite, baseline = (read_score_table(path) if path else None for path in (general, reference))
    try:
        evidence = weigh(table, policy, general=suite, reference=baseline)
        decision = rule(evidence, policy, look)
    except InputError as error:
        raise InputError(str(error), file=scores) from None
    if as_json:
        print_json(as_object(evidence, decision))
    else:
        gating = {m: b for m, b in decision.bounds.items() if m in policy.gating}
        print_measured(evidence.sealed, gating)
        print_slices(evidence, decision)
        print_arrow_note(evidence.sealed)
        console.print(f"\npolicy {policy.kind} on {', '.join(policy.gating)}")
        print_verdict(decision)
    return EXIT_CODES[decision.verdict]


def default_policy(scores: Path, items: tuple[ItemScore, ...]) -> Policy:
    """The default policy where the table has its metrics, else one by which all it has must win.

    Raises InputError for a table that has nothing to win in.
    """
    judged = any(item.preference is not None for item in items)
    there = [*items[0].champion, *([PREFERENCE] if judged else [])]
    if set(Policy().gating) <= set(there):
        return Policy()
    ours = better_by_ours()
    gating = tuple(metric for metric in there if ours.get(metric, "more") == "more")
    if not gating:
        raise InputError("no metric of it is one in which more is better", file=scores)
    return Policy(gating=gating)


def print_slices(evidence: Evidence, decision: Decision) -> None:
    assert decision.alpha is not None
    for name, measured in (evidence.slices | evidence.general).items():
        console.print(f"\n{name}", style="bold")
        print_measured(measured, bounds_of(measured, decision.alpha))


def bounds_of(measured: Measured, alpha: float) -> dict[str, Bound]:
    """Each metric's bounds, where winning means to be above zero."""
    bounds = {}
    for metric, found in measured.items():
        lower, upper = reach(found, alpha)
        bounds[metric] = Bound(lower=lower, upper=upper, won=lower > 0)
    return bounds


def as_object(evidence: Evidence, decision: Decision) -> dict[str, Any]:
    """{verdict, alpha, `opening`: the look, metrics: {name: {n, …, lower, upper, p}}, …}."""
    assert decision.alpha is not None
    return {
        "verdict": decision.verdict.value,
        "alpha": decision.alpha,
        "opening": decision.opening,
        "metrics": fields(evidence.sealed, decision.alpha),
        "slices": {name: fields(m, decision.alpha) for name, m in evidence.slices.items()},
        "general": {name: fields(m, decision.alpha) for name, m in evidence.general.items()},
        "reference": fields(evidence.reference, decision.alpha),
        "needed": decision.needed,
        "reasons": list(decision.reasons),
    }


def fields(measured: Measured, alpha: float) -> dict[str, Any]:
    return {
        metric: found.model_dump(mode="json")
        | dict(zip(("lower", "upper"), reach(found, alpha), strict=True))
        for metric, found in measured.items()
    }
