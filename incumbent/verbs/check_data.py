"""`data check`: anybody's file held against a contract, without a project."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from incumbent.importing.own_records import Kind, OwnRecords, read_own
from incumbent.init.own_sources import (
    HowRead,
    LabelledLines,
    aside_lines,
    column_lines,
    file_lines,
    show,
    wrapped,
)
from incumbent.options import (
    CompletionColumn,
    Encoding,
    Json,
    MessagesColumn,
    PromptColumns,
    SkipUnreadable,
)
from incumbent.output import console, print_json, print_table, say
from project.errors import InputError
from project.records.data import Check, Severity, counted
from project.untrusted_input import one_line

SHOWN = 5  # failing rows of a check
NOUNS = {"sft": "row", "preference": "preference", "texts": "text"}


def check(
    files: Annotated[
        list[Path],
        typer.Argument(help="Anybody's rows, preferences or texts; several are one dataset."),
    ],
    contract: Annotated[
        Path | None, typer.Option(help="The contract, as YAML; if left out, that of a new project.")
    ] = None,
    eval_: Annotated[
        list[Path] | None, typer.Option("--eval", help="Items that no row may ask.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="The rows of the last version; in a project, those of the last submitted one."
        ),
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(help="Check only this kind of record; if left out, every kind."),
    ] = None,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    encoding: Encoding = None,
    skip_unreadable: SkipUnreadable = False,
    no_embeddings: Annotated[
        bool,
        typer.Option(
            "--no-embeddings", help="Compare rows by their words alone: quick, and needs no model."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold a file against a data contract; needs no project. Exit 1: a critical check failed.

    $ incumbent data check faq.csv
    $ incumbent data check new.csv --prompt question --completion answer
    """
    how = HowRead(
        prompt=tuple(prompt or ()),
        completion=completion,
        messages=messages,
        encoding=encoding,
        skip=skip_unreadable,
    )
    records = read_own(files, how)
    beside = {"evals": eval_ or (), "against": against or ()}
    by_kind = [
        (part, checks_of(part, contract, encoding, embeddings=not no_embeddings, **beside))
        for part in chosen_kinds(records, files, kind, contract)
    ]
    if as_json:
        told = {part.kind: as_fields(part, checks) for part, checks in by_kind}
        print_json(told if len(told) > 1 else next(iter(told.values())))
    else:
        show(reading_lines(records))
        for part, checks in by_kind:
            print_checks(part, checks)
    raise typer.Exit(int(any(failed(checks, Severity.CRITICAL) for _, checks in by_kind)))


def chosen_kinds(
    records: OwnRecords, files: Sequence[Path], kind: Kind | None, contract: Path | None
) -> list[OwnRecords]:
    """What is to be checked, each kind by itself. Raises InputError."""
    every = records.by_kind()
    held = " and ".join(part.kind for part in every)
    chosen = [part for part in every if kind in (None, part.kind)]
    if not chosen:
        raise InputError(f"holds {held}, and not {kind}", file=files[0], field="--kind")
    if contract and len(chosen) > 1:
        problem = f"is for one kind of data, and the files hold {held}: say which by --kind"
        raise InputError(problem, file=contract, field="--contract")
    return chosen


def checks_of(
    records: OwnRecords,
    contract_file: Path | None,
    encoding: str | None,
    *,
    evals: Sequence[Path],
    against: Sequence[Path],
    embeddings: bool,
) -> list[Check]:
    # Imported here because Great Expectations takes seconds, and is in an extra.
    from curation.gate import last_version
    from incumbent.importing.checking import checked, chosen_contract, held_against

    contract = chosen_contract(contract_file, records.kind)
    compared = held_against(contract, evals, against, encoding, embeddings=embeddings)
    last = None if compared.reference or records.kind != "sft" else last_version()
    if last:
        compared = replace(compared, reference=last.texts, version=last.label)
    return checked(records, contract, compared)


def failed(checks: Iterable[Check], severity: Severity) -> list[Check]:
    return [outcome for outcome in checks if not outcome.passed and outcome.severity == severity]


def as_fields(records: OwnRecords, checks: Sequence[Check]) -> dict[str, Any]:
    named = {row for outcome in checks for row in outcome.failing_rows}
    return {
        "rows": len(records.made),
        "kind": records.kind,
        "checks": {
            outcome.name: {
                "severity": outcome.severity.value,
                "passed": outcome.passed,
                "measured": not outcome.unmeasured,
                "observed": outcome.crashed or outcome.observed,
                "limit": outcome.limit,
                "column": outcome.column,
                "failing_rows": list(outcome.failing_rows),
            }
            for outcome in checks
        },
        "left_aside": list(map(str, records.aside)),
        "lines": {name: lines for name, lines in records.lines.items() if name in named},
    }


def print_checks(records: OwnRecords, checks: Sequence[Check]) -> None:
    """What fails, critical ones first, then what passes and yet names rows, then how many pass."""
    for severity in Severity:
        for outcome in failed(checks, severity):
            console.print()
            print_failing(records, outcome)
    tolerated = [entry for entry in checks if entry.tolerated]
    if tolerated:
        console.print("\nThese checks pass, and name rows that may be worth a look:")
        print_table(
            ("check", "observed", "such as"), [line_of(records, entry) for entry in tolerated]
        )
    if unmeasured := [entry for entry in checks if entry.unmeasured]:
        console.print("\nNot measured:")
        print_table(("check", "why"), [(entry.name, entry.observed) for entry in unmeasured])
    console.print()
    for line in wrapped(summary(records, checks)):
        say(line.rstrip())


def summary(records: OwnRecords, checks: Sequence[Check]) -> str:
    critical, warnings = (len(failed(checks, severity)) for severity in Severity)
    unmeasured = sum(outcome.unmeasured is True for outcome in checks)
    passed = sum(outcome.passed for outcome in checks) - unmeasured
    left = f", {unmeasured} not measured" if unmeasured else ""
    return (
        f"{counted(len(records.made), NOUNS[records.kind])}: {passed} of "
        f"{counted(len(checks), 'check')} "
        f"passed{left}, {critical} critical failed, {counted(warnings, 'warning')}; "
        "--json lists all checks"
    )


def reading_lines(records: OwnRecords) -> Iterator[LabelledLines]:
    """How the files were read: whoever sees that it is wrong says it by options."""
    files = [line for table in records.tables for line in file_lines(table)]
    files += [f"{path}: {form}" for path, form in records.formats.items()]
    files += aside_lines(records.aside)
    yield LabelledLines("read", files)
    for guessed in records.guesses:
        yield from column_lines(guessed)


def line_of(records: OwnRecords, check: Check) -> tuple[str, str, str]:
    """Where the first of its rows stands."""
    row = check.failing_rows[0]
    return check.name, check.observed, one_line(next(iter(records.lines.get(row, ())), row))


def mark(check: Check) -> Text:
    critical = check.severity is Severity.CRITICAL
    return Text("FAILED", "bold red") if critical else Text("warning", "bold yellow")


def print_failing(records: OwnRecords, check: Check) -> None:
    """A check that fails, its limit, what to do, and where its first rows stand."""
    critical = check.severity is Severity.CRITICAL
    how = " (critical)" if critical else ": fails, and stops nothing"
    console.print(Text.assemble(mark(check), f" {check.name}{how}"))
    for told in (check.crashed or check.observed, f"limit: {check.limit}", todo(check)):
        for line in wrapped(told):
            say(f"  {line.rstrip()}")
    for row in dict.fromkeys(check.failing_rows[:SHOWN]):
        places = ", ".join(records.lines.get(row, ()))
        say(f"  {one_line(f'{places} {row}').strip()}")
    if (more := len(check.failing_rows) - SHOWN) > 0:
        console.print(f"  and {more:,} more: --json lists all")


def todo(check: Check) -> str:
    # Imported here, for its package loads Great Expectations.
    from curation.checks.gate_message import advice_on

    return advice_on(check.column).todo
