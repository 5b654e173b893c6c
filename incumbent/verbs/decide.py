"""`decide`: a verdict from anybody's scores, with no project and no registry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import reach
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import PREFERENCE, weigh
from evaluation.other_logs.pair_logs import READERS, Pairing, Tool, pair_logs, read_log
from evaluation.other_logs.same_evaluation import SIDES
from evaluation.other_logs.system_log import SystemLog
from evaluation.scoring.built_in import better_by_ours
from evaluation.scoring.score_table import read_score_table
from incumbent.comparison_table import print_arrow_note, print_measured, print_verdict
from incumbent.options import LARGEST, ExitVerdict, Json
from incumbent.output import EXIT_CODES, console, print_json, print_table
from project.errors import InputError
from project.records.evidence import Bound, Decision, Evidence, Measured
from project.records.record import write_records
from project.records.scores import ScoreTable
from project.settings import read_settings
from project.untrusted_input import one_line


@dataclass(frozen=True)
class Terms:
    """By what a table is judged, and how the verdict is printed."""

    policy: Path | None = None  # a file; None: the default that fits the table
    look: int = 1
    general: Path | None = None
    reference: Path | None = None
    as_json: bool = False


@dataclass(frozen=True)
class LogOptions:
    """Two logs, what of them is compared, and what may be missing."""

    tool: Tool | None = None
    paths: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    systems: tuple[str, str] | None = None  # of logs that hold several: champion, challenger
    allow_missing: float | None = None
    write: Path | None = None  # where the score table goes


def decide(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CHAMPION CHALLENGER",
            help="With --from: each side's log, a file, a folder or a quoted pattern.",
        ),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="A score table: JSON Lines, one item a line.")
    ] = None,
    from_: Annotated[
        Tool | None,
        typer.Option("--from", help="The tool that wrote two logs; jsonl: scores of your own."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric to compare by, NAME or TASK=NAME; all if left out."),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Compare this task of the logs.")] = None,
    systems: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Which system of each log: champion's, challenger's. For promptfoo."),
    ] = None,
    allow_missing: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="The share of items that may be missing; if left out, 0.02."
        ),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="A file to keep the logs' score table in.")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A policy as YAML; if left out, `strict`.")
    ] = None,
    look: Annotated[
        int,
        typer.Option(
            min=1,
            max=LARGEST,
            help="The number of this look, a comparison on these items: later ones must show more.",
        ),
    ] = 1,
    general: Annotated[
        Path | None, typer.Option(help="A score table of a general-ability suite.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The same items, with the regression baseline as champion.")
    ] = None,
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Give a verdict on anybody's score table, or on two logs of another evaluation tool."""
    terms = Terms(policy, look, general, reference, as_json=as_json)
    options = LogOptions(
        tool=from_,
        paths=tuple(logs or ()),
        metrics=tuple(metric or ()),
        tasks=tuple(task or ()),
        systems=systems,
        allow_missing=allow_missing,
        write=write,
    )
    code = decide_on(scores, options, terms)
    raise typer.Exit(code if exit_verdict else 0)


def decide_on(scores: Path | None, options: LogOptions, terms: Terms) -> int:
    """Print the verdict on a score table or on two logs; returns its exit code.

    Raises InputError naming file, line and field, or what keeps the logs from being compared.
    """
    if scores and (options.tool or options.paths):
        raise InputError("give a score table by --scores or two logs by --from, not both")
    if options.tool:
        return decide_on_logs(options.tool, options, terms)
    if options.paths:
        raise InputError(f"say which tool wrote {options.paths[0]}: --from {' | '.join(READERS)}")
    if not scores:
        raise InputError("name a score table by --scores, or two logs by --from")
    return decide_on_scores(scores, terms)


def decide_on_scores(scores: Path, terms: Terms) -> int:
    try:
        return decide_on_table(read_score_table(scores), terms)
    except WeighingError as error:
        raise InputError(str(error), file=scores) from None


def decide_on_logs(tool: Tool, options: LogOptions, terms: Terms) -> int:
    logs = read_both(tool, options)
    pairing = pair_logs(
        *logs, metrics=options.metrics, tasks=options.tasks, allowed=options.allow_missing
    )
    if options.write:
        write_records(options.write, pairing.table.items)
    return decide_on_table(pairing.table, terms, PairedLogs(logs, pairing))


def read_both(tool: Tool, options: LogOptions) -> tuple[SystemLog, SystemLog]:
    """The champion's and the challenger's log. Raises InputError."""
    if len(options.paths) != 2:
        raise InputError(
            f"--from takes two logs, CHAMPION and CHALLENGER, and not {len(options.paths)}: name "
            "several files of one side by their folder, or by a pattern in quotes"
        )
    if options.systems and tool != "promptfoo":
        raise InputError(f"--systems chooses among those of a promptfoo file, and not of {tool}")
    champion, challenger = options.systems or (None, None)
    return (
        read_log(tool, options.paths[0], champion),
        read_log(tool, options.paths[1], challenger),
    )


@dataclass(frozen=True)
class PairedLogs:
    """Two logs and what became of their items."""

    logs: tuple[SystemLog, SystemLog]
    pairing: Pairing


class WeighingError(InputError):
    """What keeps a table that could be read from being weighed."""


def decide_on_table(table: ScoreTable, terms: Terms, compared: PairedLogs | None = None) -> int:
    """Print the verdict on a table; returns its exit code. Raises InputError."""
    policy = read_settings(Policy, terms.policy) if terms.policy else default_policy(table)
    suite, baseline = (
        read_score_table(path) if path else None for path in (terms.general, terms.reference)
    )
    try:
        evidence = weigh(table, policy, general=suite, reference=baseline)
        decision = rule(evidence, policy, terms.look)
    except InputError as error:
        raise WeighingError(str(error)) from None
    if terms.as_json:
        logs = {"logs": logs_as_object(compared)} if compared else {}
        print_json(as_object(evidence, decision) | logs)
    else:
        if compared:
            print_compared(compared)
        print_decision(evidence, decision, policy)
    return EXIT_CODES[decision.verdict]


def default_policy(table: ScoreTable) -> Policy:
    """The default policy where the table has its metrics, else one by which all it has must win.

    Raises InputError for a table that has nothing to win in. A table of which less of every metric
    is better was asked for by its names.
    """
    judged = any(item.preference is not None for item in table.items)
    there = [*table.metrics, *([PREFERENCE] if judged else [])]
    if set(Policy().gating) <= set(there):
        return Policy()
    ways = {**better_by_ours(), **(table.better or {})}
    gating = tuple(metric for metric in there if ways.get(metric, "more") == "more")
    if not gating and table.better:
        gating = tuple(metric for metric in there if ways[metric] == "less")
    if not gating:
        raise WeighingError("no metric of it is one in which more is better")
    return Policy(gating=gating)


def print_decision(evidence: Evidence, decision: Decision, policy: Policy) -> None:
    gating = {m: b for m, b in decision.bounds.items() if m in policy.gating}
    print_measured(evidence.sealed, gating)
    print_slices(evidence, decision)
    print_arrow_note(evidence.sealed)
    console.print(f"\npolicy {policy.kind} on {', '.join(policy.gating)}")
    print_verdict(decision)


def print_compared(compared: PairedLogs) -> None:
    """Who is compared, on how many items, and what became of the others."""
    names = [one_line(log.system) or str(log.path) for log in compared.logs]
    counts = [str(len(log.samples)) for log in compared.logs]
    print_table(("", "system", ">samples"), zip(SIDES, names, counts, strict=True))
    pairing = compared.pairing
    there = pairing.compared
    clusters = len({item.cluster or item.item for item in there})
    inside = f", in {clusters} clusters" if clusters < len(there) else ""
    console.print(f"\n{len(there)} of {pairing.total} items compared{inside}")
    for line in pairing.losses.told():
        console.print(f"  missing: {line}", style="yellow")
    for note in pairing.notes:
        console.print(f"  note: {note}", style="dim")
    console.print()


def logs_as_object(compared: PairedLogs) -> dict[str, Any]:
    """{champion: {path, system, samples, left_out}, …, items, of, asked_differently, notes}."""
    pairing = compared.pairing
    sides: dict[str, Any] = {
        side: {
            "path": str(log.path),
            "system": log.system,
            "samples": len(log.samples),
            "left_out": dict(pairing.losses.of_side[side]),
        }
        for side, log in zip(SIDES, compared.logs, strict=True)
    }
    return {
        **sides,
        "items": len(pairing.compared),
        "of": pairing.total,
        "asked_differently": dict(pairing.losses.different),
        "notes": list(pairing.notes),
    }


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
