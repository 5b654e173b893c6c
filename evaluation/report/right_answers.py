"""What a comparison says first: how many answers are right, in whatever they can be right in."""

from collections.abc import Iterator, Sequence

from evaluation.metrics.proposed_checks import proposed_checks
from project.records.evidence import Measured, MetricEvidence

# A metric of each scorer that checks what is right, by which it is known to have looked.
LOOKS = {
    "facts": "facts_kept",
    "token_f1": "exact_match",
    "macro_f1": "macro_f1",
    "json": "json_valid",
    "assertions": "assertions",
}


def right_lines(measured: Measured) -> Iterator[str]:
    """A line for each way to be right that was measured. Where none was, one that says so."""
    if found := measured.get("figures_right"):
        line = f"right figures: {of_answers(found)}"
        if wrong := measured.get("figures_wrong"):
            line += f"; wrong figures: {of_answers(wrong)}"
        yield line
    elif found := measured.get("facts_kept"):
        line = f"names kept: {shares(found)}"
        if wrong := measured.get("facts_contradicted"):
            line += f"; another in their place: {shares(wrong)}"
        yield line
    if found := measured.get("exact_match"):
        yield f"right to the word: {of_answers(found)}"
    if found := measured.get("macro_f1"):
        yield (
            f"macro-F1 of the classes: {found.challenger_mean:.2f} "
            f"(champion {found.champion_mean:.2f})"
        )
    if found := measured.get("json_valid"):
        yield f"valid JSON: {of_answers(found)}"
    if found := measured.get("json_fields"):
        yield f"right fields: {shares(found)}"
    if found := measured.get("assertions"):
        yield f"assertions that hold: {shares(found)}"
    if measured and measured.keys().isdisjoint((*LOOKS.values(), "figures_right")):
        yield (
            "right or wrong: nothing checks it. No scorer looks at figures, names, exact answers, "
            "classes, JSON or assertions; the others reward form"
        )


def unchecked(measured: Measured, references: Sequence[str]) -> Iterator[str]:
    """What these reference answers hold and no scorer looked at, with what to write."""
    checks = proposed_checks(references, len(references))
    names = [one if isinstance(one, str) else str(one["metric"]) for one in checks.scorers]
    if missing := [name for name in names if LOOKS[name] not in measured]:
        yield (
            f"not checked: {checks.answers}; add {' and '.join(missing)} to "
            "evaluation.scoring.metrics, and guards to evaluation.policy (docs/facts.md)"
        )


def of_answers(found: MetricEvidence) -> str:
    """Of a metric that is 1 or 0 for an answer."""
    challenger, champion = (
        round((mean or 0.0) * found.n) for mean in (found.challenger_mean, found.champion_mean)
    )
    return f"{challenger:,} of {found.n:,} answers (champion {champion:,})"


def shares(found: MetricEvidence) -> str:
    return f"{found.challenger_mean:.0%} (champion {found.champion_mean:.0%})".replace("%", " %")
