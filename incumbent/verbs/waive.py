"""`incumbent data waive` and `data allow`: what may stay in the data though a check fails."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from difflib import get_close_matches

from pydantic import ValidationError

from curation.checks.waivers import ALL, LONGEST, Waiver
from curation.checks.waivers_file import WAIVERS, add_contacts, add_waiver, read_waivers
from incumbent.output import console
from project.canonical import digest_folder
from project.contacts import Contacts
from project.errors import InputError
from project.paths import CURATED, GATE_REPORT
from project.records.data import Check, GateReport, counted
from registry.registry_settings import current_actor


def waive(
    name: str,
    *,
    rows: str | None,
    every: bool,
    until: date,
    reason: str,
    by: str | None,
    today: date | None = None,
) -> None:
    """Write down that rows may fail a check until a day: those named, all, or those that fail now.

    Raises InputError, and writes nothing, for a check or a row that does not fail, a day that is
    past or too far, and a blank reason.
    """
    today = today or datetime.now(UTC).date()
    refuse_day(until, today)
    check = failing_check(read_report(), name)
    chosen = ALL if every else rows_named(check, rows) if rows else rows_left(check, today)
    if every and rows:
        raise InputError("is for every row: leave --rows out", field="--all")
    add_waiver(as_waiver(check.name, chosen, by or current_actor(), until, reason))
    what = "every row, and those to come" if every else counted(len(chosen), "row")
    console.print(f'excused from "{check.name}" until {until}: {what}', soft_wrap=True)
    console.print(f"it stands in {WAIVERS}: commit it, then run `dvc repro`", soft_wrap=True)


def allow(contacts: Mapping[str, Sequence[str]]) -> None:
    """Write down an organisation's own `phones`, `emails` and `domains`: no personal data.

    Raises InputError, and writes nothing, for what is none.
    """
    if not any(contacts.values()):
        raise InputError("say what is your organisation's own: --phone, --email or --domain")
    try:
        Contacts.model_validate(contacts)
    except ValidationError as error:
        raise InputError(problem(error)) from None
    add_contacts(contacts)
    console.print(f"it stands in {WAIVERS}: commit it, then run `dvc repro`", soft_wrap=True)


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
    if digest_folder(CURATED) != report.dataset_rows:
        raise InputError("is about other rows: run `dvc repro` first", file=GATE_REPORT)
    return report


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


def as_waiver(name: str, rows: str | list[str], by: str, until: date, reason: str) -> Waiver:
    fields = {"check": name, "rows": rows, "by": by, "until": until, "reason": reason}
    try:
        return Waiver.model_validate(fields)
    except ValidationError as error:
        raise InputError(problem(error), field=f"--{error.errors()[0]['loc'][0]}") from None


def problem(error: ValidationError) -> str:
    return error.errors()[0]["msg"].removeprefix("Value error, ")
