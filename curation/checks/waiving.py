"""Excusing rows from a check of the gate until a day, by whoever asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from pydantic import ValidationError

from curation.checks.waivers import ALL, LONGEST, Waiver
from curation.checks.waivers_file import WAIVERS, add_waiver, read_waivers
from project.canonical import digest_folder
from project.errors import InputError
from project.paths import CURATED, GATE_REPORT
from project.records.data import Check, GateReport


@dataclass(frozen=True)
class Excuse:
    """What somebody asks for: rows that may fail a check until a day, and why."""

    check: str
    rows: str | None  # ids with commas between; None: those that fail now
    every: bool  # row, and those to come
    until: date
    reason: str
    by: str


def excuse(asked: Excuse, today: date) -> Waiver:
    """Write down that rows may fail a check until a day: those named, all, or those that fail now.

    Raises InputError, and writes nothing, for a check or a row that does not fail, a day that is
    past or too far, and a blank reason.
    """
    refuse_day(asked.until, today)
    check = failing_check(read_report(), asked.check)
    if asked.every and asked.rows:
        raise InputError("is for every row: leave --rows out", field="--all")
    if asked.every:
        chosen: str | Sequence[str] = ALL
    else:
        chosen = rows_named(check, asked.rows) if asked.rows else rows_left(check, today)
    waiver = as_waiver(asked, check.name, chosen)
    add_waiver(waiver)
    return waiver


def refuse_day(until: date, today: date) -> None:
    if until < today:
        raise InputError(f"{until} is past, in UTC", field="--until")
    if until > today + LONGEST:
        latest = f"{today + LONGEST} at the latest"
        raise InputError(f"a waiver is for a year at most: {latest}", field="--until")


def read_report() -> GateReport:
    """The gate's report on today's rows. Raises InputError where there is none."""
    if not GATE_REPORT.exists():
        raise InputError("nothing is checked yet: run `dvc repro` first", file=GATE_REPORT)
    report = GateReport.read(GATE_REPORT)
    if is_stale(report):
        raise InputError("is about other rows: run `dvc repro` first", file=GATE_REPORT)
    return report


def is_stale(report: GateReport) -> bool:
    """Whether other rows are curated now than were checked."""
    return digest_folder(CURATED) != report.dataset_rows


def failing_check(report: GateReport, name: str) -> Check:
    check = next((check for check in report.checks if check.name == name), None)
    if check is None:
        names = [check.name for check in report.checks]
        near = get_close_matches(name, names) or [one.name for one in report.checks if not one.met]
        like = "".join(f"\n  {one}" for one in near or names)
        raise InputError(f"the contract has no check {name!r}; perhaps you mean{like}")
    if check.crashed:
        raise InputError(f"{name!r} broke, so nothing was checked: mend the contract")
    if check.met:
        raise InputError(f"{name!r} does not fail: there is nothing to waive")
    return check


def rows_named(check: Check, rows: str) -> list[str]:
    named = list(dict.fromkeys(row.strip() for row in rows.split(",") if row.strip()))
    if strange := [row for row in named if row not in check.failing_rows]:
        raise InputError(f"no row that fails {check.name!r}: {', '.join(strange)}", field="--rows")
    return named


def rows_left(check: Check, today: date) -> list[str]:
    """The failing rows that the file does not excuse yet. Raises InputError where that is none."""
    if not check.failing_rows:
        raise InputError(f"{check.name!r} is about no single row: waive it with --all")
    waivers = read_waivers().waivers
    held = [w for w in waivers if w.check == check.name and w.until >= today]
    left = [row for row in check.failing_rows if not any(w.excuses(row) for w in held)]
    if not left:
        raise InputError(f"every row is excused already in {WAIVERS}: run `dvc repro`")
    return list(dict.fromkeys(left))


def as_waiver(asked: Excuse, check: str, rows: str | Sequence[str]) -> Waiver:
    fields = {
        "check": check,
        "rows": rows,
        "by": asked.by,
        "until": asked.until,
        "reason": asked.reason,
    }
    try:
        return Waiver.model_validate(fields)
    except ValidationError as error:
        raise InputError(problem(error), field=f"--{error.errors()[0]['loc'][0]}") from None


def problem(error: ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Value error, ")
