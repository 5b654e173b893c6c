"""`incumbent data check`: anybody's file held against a contract, without a project."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from incumbent.output import console, print_json, print_table
from project.errors import InputError
from project.records.data import Check, Severity, counted
from project.untrusted_input import one_line

if TYPE_CHECKING:
    from curation.sources.columns.wanted import Wanted
    from incumbent.checking.own_records import Kind, OwnRecords

SHOWN = 5  # failing rows of a check


@dataclass(frozen=True)
class CheckOptions:
    contract: Path | None = None
    evals: tuple[Path, ...] = ()
    against: tuple[Path, ...] = ()
    kind: "Kind | None" = None
    encoding: str | None = None
    embeddings: bool = True


def check_data(
    files: Sequence[Path], wanted: "Wanted", options: CheckOptions, *, as_json: bool
) -> int:
    """Check and print; returns 1 where a critical check fails, else 0. Raises InputError."""
    # Imported here because Great Expectations takes seconds, and is in an extra.
    from incumbent.checking.checking import checked, held_against
    from incumbent.checking.contract_choice import chosen_contract
    from incumbent.checking.own_records import read_own

    own = read_own(files, wanted, options.encoding)
    if options.kind and options.kind != own.kind:
        problem = f"holds {own.kind}, and not {options.kind}"
        raise InputError(problem, file=files[0], field="--kind")
    contract = chosen_contract(options.contract, own.kind)
    compared = held_against(
        contract, options.evals, options.against, options.encoding, embeddings=options.embeddings
    )
    checks = checked(own, contract, compared)
    if as_json:
        print_json(as_fields(own, checks))
    else:
        print_checks(own, checks)
    return int(any(failed(checks, Severity.CRITICAL)))


def failed(checks: Iterable[Check], severity: Severity) -> list[Check]:
    return [one for one in checks if not one.passed and one.severity == severity]


def as_fields(own: "OwnRecords", checks: Sequence[Check]) -> dict[str, Any]:
    named = {row for one in checks for row in one.failing_rows}
    return {
        "rows": len(own.made),
        "kind": own.kind,
        "checks": {
            one.name: {
                "severity": one.severity.value,
                "passed": one.passed,
                "observed": one.crashed or one.observed,
                "limit": one.limit,
                "column": one.column,
                "failing_rows": list(one.failing_rows),
            }
            for one in checks
        },
        "lines": {name: lines for name, lines in own.lines.items() if name in named},
    }


def print_checks(own: "OwnRecords", checks: Sequence[Check]) -> None:
    print_table(("", "check", "observed"), [line_of(one) for one in checks])
    for one in checks:
        if not one.passed:
            console.print()
            print_failing(own, one)
    console.print()
    critical, warnings = (len(failed(checks, severity)) for severity in Severity)
    passed = sum(one.passed for one in checks)
    console.print(
        f"{counted(len(own.made), 'row')}: {passed} of {counted(len(checks), 'check')} passed, "
        f"{critical} critical failed, {counted(warnings, 'warning')}"
    )


def line_of(check: Check) -> tuple[Text, str, str]:
    return mark(check), check.name, check.crashed or check.observed


def mark(check: Check) -> Text:
    if check.passed:
        return Text("passed", "green")
    critical = check.severity is Severity.CRITICAL
    return Text("FAILED", "bold red") if critical else Text("warning", "bold yellow")


def print_failing(own: "OwnRecords", check: Check) -> None:
    """A check that fails, its limit, and where its first rows stand."""
    console.print(Text.assemble(mark(check), f" {check.name} ({check.severity})"))
    console.print(f"  limit: {check.limit}", soft_wrap=True)
    for row in dict.fromkeys(check.failing_rows[:SHOWN]):
        places = ", ".join(own.lines.get(row, ()))
        console.print(f"  {one_line(f'{places} {row}')}", soft_wrap=True)
    if (more := len(check.failing_rows) - SHOWN) > 0:
        console.print(f"  and {more} more: --json lists all")
