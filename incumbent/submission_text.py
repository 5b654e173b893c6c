"""A submission as people and programs read it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text

from curation.eval_sets import EVAL_SETS
from evaluation.decision.metric_evidence import shown_bounds
from evaluation.decision.policy import Policy
from evaluation.decision.ways_out import ways_out
from evaluation.report.report_data import right_lines, unchecked
from evaluation.scoring.built_in import ranges_by_ours
from incumbent.mirroring.mirror import mirror
from incumbent.output import EXIT_CODES, coloured, console, print_json, print_table, say
from incumbent.submission import SubmissionOutcome, submit
from project.paths import rows_of
from project.records.ballots import SheetPart
from project.records.data import Row, Split
from project.records.evidence import Bound, Decision, Measured, MetricEvidence, Verdict
from project.settings import load
from registry.alpha_ledger.look_bytes import LOOKS
from registry.lineage import apart
from review.review_settings import ReviewParams

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
    if any(found.better == "less" for found in measured.values()):
        console.print("\n↓ less is better: the difference is how much less", style="dim")


def cells(
    metric: str, found: MetricEvidence, bound: Bound | None, margin: float | None = None
) -> tuple[str | Text, ...]:
    return (
        f"{metric} ↓" if found.better == "less" else metric,
        number(found.champion_mean),
        number(found.challenger_mean),
        f"{found.diff:+.3f}",
        interval(metric, bound) if bound else "",
        str(found.n),
        bound_text(bound, margin) if bound and found.better != "neither" else "",
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


UNSEEN = (
    "the sealed items were not used: a challenger is compared on them only once it is better on "
    "dev, for each such look makes the next one harder"
)


def submit_and_tell(*, promote: bool, reason: str, as_json: bool) -> int:
    """Submit, decide, and promote if asked and won; returns the verdict's exit code."""
    outcome = submit(promote=promote, reason=reason)
    if as_json:
        print_json(fields_of(outcome))
    else:
        print_submission(outcome)
    mirror_outcome(outcome)
    return EXIT_CODES[outcome.decided.decision.verdict]


def mirror_outcome(outcome: SubmissionOutcome) -> None:
    """Show it in the trackers, and that its opponent is no longer champion."""
    mirror(outcome.version.number, outcome.opponent.version if outcome.promoted else None)


def fields_of(outcome: SubmissionOutcome) -> dict[str, Any]:
    return {
        "version": outcome.version,
        "decision": outcome.decided.decision,
        "ways_out": list(
            ways_out(outcome.decided.evidence, outcome.decided.decision, load(Policy))
        ),
        "provenance": outcome.provenance,
        "unpushed": outcome.unpushed,
    }


def print_submission(outcome: SubmissionOutcome) -> None:
    print_comparison(outcome, load(Policy))
    print_outcome(outcome, load(Policy))


def print_comparison(outcome: SubmissionOutcome, policy: Policy) -> None:
    """The gating metrics on the sealed eval set, or on dev when it was not looked at."""
    evidence, decision = outcome.decided.evidence, outcome.decided.decision
    looked = decision.opening is not None
    measured = evidence.sealed if looked else evidence.dev
    part = "sealed" if looked else "dev"
    console.print(f"\nchallenger against {outcome.opponent.label}, {part} eval set")
    if told := apart(decision):
        say(told)
    say(*right_lines(measured), *unchecked(measured, references()))
    checked = {m: measured[m] for m in policy.checked if m in measured}
    print_measured(checked, decision.bounds, policy.guards)
    print_arrow_note(checked)
    several = {name: found for name, found in checked.items() if found.drawn_share is not None}
    if several:
        times = max(found.samples or 0 for found in several.values())
        spreads = ", ".join(f"{found.within_sd:.3f} in {m}" for m, found in several.items())
        say(
            f"\n{times} answers an item; within an item the difference spreads by {spreads}",
            style="dim",
        )


def references() -> list[str]:
    return [row.completion_text for row in Row.read_lines(rows_of(Split.DEV))]


def print_outcome(outcome: SubmissionOutcome, policy: Policy) -> None:
    version, decision = outcome.version, outcome.decided.decision
    console.print()
    ways = ways_out(outcome.decided.evidence, decision, policy)
    print_verdict(decision, policy, f"{version.label}: ", ways)
    if decision.opening is None:
        say(UNSEEN)
    say(*outcome.decided.notes)
    if outcome.is_champion:
        console.print(f"{version.label} is the champion already; nothing changed")
    elif outcome.fallen:
        say(
            f"it was rolled back or withdrawn: incumbent rollback --to {version.number} brings it "
            "back"
        )
    elif outcome.promoted:
        console.print(f"{version.label} is the champion now")
    elif outcome.awaited:
        say(
            f"registry.four_eyes asks for a second person: not {version.actor}, but somebody else "
            f"approves it, by incumbent promote {version.number} or in incumbent review"
        )
    elif decision.verdict is Verdict.PROMOTE:
        console.print(f"to make it the champion: incumbent promote {version.number}")
    if outcome.frozen:
        say(
            f"the items of {' and '.join(outcome.frozen)} stay from now on, whatever the sources "
            f"gain: commit {EVAL_SETS} and {LOOKS}"
        )
    if outcome.provenance and outcome.is_new:
        say(f"made from {outcome.provenance}")
    if outcome.unrecorded:
        say(outcome.unrecorded)
    say(*outcome.unpushed)
    if outcome.moved:
        say(outcome.moved)
    if outcome.voted_on:
        say(how_to_vote(version.number, outcome.voted_on))
    if outcome.sheet.exists():
        say(f"what to vote on: {outcome.sheet}")
    say(f"report: {outcome.page}")


def how_to_vote(number: int, part: SheetPart) -> str:
    """How to vote, in one line, with the address where the page has one that all reach it by."""
    what = "people's votes decide" if part == "sealed" else "to vote on dev, for discussion"
    url = load(ReviewParams).url
    where = f"{url}/vote/{number}" if url else f"incumbent review, then /vote/{number}"
    return f"{what}: {where}"
