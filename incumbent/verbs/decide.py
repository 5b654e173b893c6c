"""`decide`: a verdict from anybody's scores, with no project and no registry."""

from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import reach
from evaluation.other_logs.pair_logs import (
    COLUMNS,
    READERS,
    SEVERAL_SYSTEMS,
    Pairing,
    Tool,
    pair_logs,
    read_log,
    tool_of,
)
from evaluation.other_logs.same_evaluation import SIDES
from evaluation.other_logs.system_log import ReadingOptions, SystemLog
from evaluation.scoring.score_table import read_score_table
from incumbent.demo_logs import DEMO, DEMO_LARGER, FOLDER, METRIC, DemoLogs, write_demo
from incumbent.options import LARGEST, ExitVerdict, Json
from incumbent.output import EXIT_CODES, console, print_json, print_table
from incumbent.scores_decision import (
    WeighingError,
    fitting_policy,
    only_metrics,
    policy_of,
    weigh_and_rule,
)
from incumbent.verdict_text import print_arrow_note, print_measured, print_verdict
from project.errors import InputError
from project.records.evidence import Bound, Decision, Evidence, Measured
from project.records.record import write_records
from project.records.scores import ScoreTable
from project.untrusted_input import one_line


@dataclass(frozen=True)
class DecideOptions:
    """What is compared, what may be missing, and the terms by which it is judged."""

    scores: Path | None  # a score table, or
    tool: Tool | None  # what wrote two logs
    paths: tuple[Path, ...]
    metrics: tuple[str, ...]
    tasks: tuple[str, ...]
    systems: tuple[str, str] | None  # of logs that hold several: champion, challenger
    columns: tuple[str, ...]  # such as expected=gold
    allow_missing: float | None
    write: Path | None  # where the score table goes
    policy: Path | None  # a file; None: the default that fits the table
    look: int
    general: Path | None
    reference: Path | None
    as_json: bool


def decide(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="OLD NEW",
            help="With --from: the log of what is in use, and of what is to replace it.",
        ),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="A score table: JSON Lines, one item a line.")
    ] = None,
    from_: Annotated[
        Tool | None,
        typer.Option(
            "--from",
            case_sensitive=False,
            metavar="TOOL",
            help="What wrote two logs: lm-eval, inspect, promptfoo, openai-evals, deepeval, "
            "langfuse; csv: answers; jsonl: scores of your own.",
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Write logs to try it on, to a folder if named.")
    ] = False,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric to compare by, NAME or TASK=NAME; all if left out."),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Compare this task of the logs.")] = None,
    systems: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="OLD NEW",
            help="Which system of each log: a column of a CSV, or a provider of promptfoo.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=NAME",
            help="What a column of a CSV holds: item, question, expected, cluster or slices.",
        ),
    ] = None,
    allow_missing: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="The share of items that may be missing; if left out, 0.02 that lack a score.",
        ),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="A file to keep the logs' score table in.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="A policy: a YAML file, or strict, the default: each metric must be better."
        ),
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
    fail_on: Annotated[
        Literal["reject", "hold"] | None,
        typer.Option(help="Exit with 11 on REJECT; with `hold` with 10 on HOLD too."),
    ] = None,
) -> None:
    """Say whether the new system is better than the old one, by their evaluation logs.

    $ incumbent decide --demo
    $ incumbent decide --from lm-eval results/old results/new
    $ incumbent decide --from csv answers.csv --systems old_answer new_answer
    """
    options = DecideOptions(
        scores=scores,
        tool=from_,
        paths=tuple(logs or ()),
        metrics=tuple(metric or ()),
        tasks=tuple(task or ()),
        systems=systems,
        columns=tuple(column or ()),
        allow_missing=allow_missing,
        write=write,
        policy=policy,
        look=look,
        general=general,
        reference=reference,
        as_json=as_json,
    )
    code = decide_on_demo(options) if demo else decide_on(options)
    failed = fail_on is not None and code >= EXIT_CODES[fail_on.upper()]
    raise typer.Exit(code if exit_verdict or failed else 0)


def decide_on(options: DecideOptions) -> int:
    """Print the verdict on a score table or on two logs; returns its exit code.

    Raises InputError naming file, line and field, or what keeps the logs from being compared.
    """
    scores = options.scores
    if scores and (option := option_of_logs(options)):
        raise InputError(
            f"{option} is of two logs: give a score table by --scores, or them: not both"
        )
    refuse_overwriting(options)
    if options.tool:
        return decide_on_logs(options.tool, options)
    if options.paths:
        likely = tool_of(options.paths[0]) or " | ".join(READERS)
        raise InputError(f"say which tool wrote {options.paths[0]}: --from {likely}")
    if not scores:
        raise InputError("name a score table by --scores, or two logs by --from; --demo shows it")
    if (tool := tool_of(scores)) and tool != "jsonl":
        raise InputError(f"is no score table: --from {tool} reads it", file=scores)
    try:
        return decide_on_table(only_metrics(read_score_table(scores), options.metrics), options)
    except WeighingError as error:
        raise InputError(str(error), file=scores) from None


def option_of_logs(options: DecideOptions) -> str | None:
    """An option that was given and says something of two logs alone."""
    given = {
        "--from": options.tool,
        "OLD NEW": options.paths or None,
        "--write": options.write,
        "--task": options.tasks or None,
        "--systems": options.systems,
        "--column": options.columns or None,
        "--allow-missing": options.allow_missing,
    }
    return next((option for option, value in given.items() if value is not None), None)


def refuse_overwriting(options: DecideOptions) -> None:
    """Raise InputError where --write names a file that holds something else than a score table."""
    there = options.write
    if there is None or not there.exists():
        return
    if there.resolve() in {path.resolve() for path in options.paths}:
        raise InputError("is one of the logs: name another file by --write", file=there)
    try:
        read_score_table(there)
    except InputError:
        problem = "is there, and no score table: name another file by --write"
        raise InputError(problem, file=there) from None


def decide_on_demo(options: DecideOptions) -> int:
    """Write the demo's logs, and decide on the few items and on all; returns the latter's code.
    Raises InputError for a file in their place.
    """
    if options.scores or options.tool or len(options.paths) > 1:
        raise InputError("--demo takes no --from or --scores, and at most a folder for its logs")
    few, every = write_demo(options.paths[0] if options.paths else FOLDER)
    if not options.as_json:
        typer.echo(f"{DEMO}\n{few.items} items are too few to settle it:\n")
        decide_on_demo_logs(few, options)
        typer.echo(f"\n{DEMO_LARGER.format(every.items)}\n")
    return decide_on_demo_logs(every, options)


def decide_on_demo_logs(logs: DemoLogs, options: DecideOptions) -> int:
    typer.echo(f"$ incumbent decide {logs.arguments}", err=options.as_json)
    return decide_on_logs("csv", replace(options, paths=logs.paths, metrics=(METRIC,)))


def decide_on_logs(tool: Tool, options: DecideOptions) -> int:
    logs = read_both(tool, options)
    pairing = pair_logs(
        *logs, metrics=options.metrics, tasks=options.tasks, allowed=options.allow_missing
    )
    if options.write:
        write_records(options.write, pairing.table.items)
    return decide_on_table(pairing.table, options, PairedLogs(logs, pairing))


def read_both(tool: Tool, options: DecideOptions) -> tuple[SystemLog, SystemLog]:
    """The champion's and the challenger's log. Raises InputError."""
    paths = options.paths
    if len(paths) == 1 and tool in SEVERAL_SYSTEMS:  # which may hold both sides
        paths = (*paths, *paths)
    if len(paths) != 2:
        raise InputError(
            f"--from takes two logs, CHAMPION and CHALLENGER, and not {len(options.paths)}: name "
            "several files of one side by their folder, or by a pattern in quotes"
        )
    if options.systems and tool not in SEVERAL_SYSTEMS:
        takers = " and ".join(SEVERAL_SYSTEMS)
        raise InputError(f"--systems chooses among those of one file of {takers}, not of {tool}")
    if Path("-") in paths:
        raise InputError("standard input is not read: write it into a file, and name that")
    columns = columns_by_role(tool, options.columns)
    read = [
        read_log(tool, path, ReadingOptions(side, system, columns, options.metrics))
        for side, path, system in zip(SIDES, paths, options.systems or (None, None), strict=True)
    ]
    return read[0], read[1]


def columns_by_role(tool: Tool, named: tuple[str, ...]) -> dict[str, str]:
    """{role: column} of ROLE=NAME. Raises InputError for a role that the tool's log has not."""
    roles = COLUMNS.get(tool, ())
    columns = dict(pair.partition("=")[::2] for pair in named)
    if odd := [pair for pair in named if pair.partition("=")[0] not in roles or "=" not in pair]:
        known = ", ".join(f"{role}=NAME" for role in roles) or f"nothing of a log of {tool}"
        raise InputError(f"--column {odd[0]}: it names {known}")
    return columns


@dataclass(frozen=True)
class PairedLogs:
    """Two logs and what became of their items."""

    logs: tuple[SystemLog, SystemLog]
    pairing: Pairing


def decide_on_table(
    table: ScoreTable, options: DecideOptions, compared: PairedLogs | None = None
) -> int:
    """Print the verdict on a table; returns the exit code. Raises InputError."""
    policy = fitting_policy(policy_of(options.policy), table, named=bool(options.metrics))
    suite, baseline = (
        read_score_table(path) if path else None for path in (options.general, options.reference)
    )
    evidence, decision = weigh_and_rule(
        table, policy, options.look, general=suite, reference=baseline
    )
    if options.as_json:
        logs = {"logs": logs_as_object(compared)} if compared else {}
        print_json(as_object(evidence, decision) | logs)
    else:
        if compared:
            print_compared(compared)
        print_decision(evidence, decision, policy)
    return EXIT_CODES[decision.verdict]


def print_decision(evidence: Evidence, decision: Decision, policy: Policy) -> None:
    gating = {m: b for m, b in decision.bounds.items() if m in policy.gating}
    print_measured(evidence.sealed, gating)
    assert decision.alpha is not None
    for name, measured in (evidence.slices | evidence.general).items():
        console.print(f"\n{name}", style="bold")
        print_measured(measured, bounds_of(measured, decision.alpha))
    print_arrow_note(evidence.sealed)
    console.print(f"\npolicy {policy.kind} on {', '.join(policy.gating)}")
    print_verdict(decision, policy)


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


def bounds_of(measured: Measured, alpha: float) -> dict[str, Bound]:
    """Each metric's bounds, where winning means to be above zero."""
    bounds = {}
    for metric, measurement in measured.items():
        lower, upper = reach(measurement, alpha)
        if not (isfinite(lower) and isfinite(upper)):
            continue  # so late a look that no bound is known
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
    known = bounds_of(measured, alpha)
    nothing = {"lower": None, "upper": None}
    return {
        metric: measurement.model_dump(mode="json")
        | (known[metric].model_dump(exclude={"won"}) if metric in known else nothing)
        for metric, measurement in measured.items()
    }
