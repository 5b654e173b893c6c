"""What people excuse at the gate: rows that fail a check, by name and for a time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ValidationError, model_validator

from project.canonical import digest_folder
from project.errors import InputError, first_problem
from project.files import write_bytes
from project.paths import CURATED, GATE_REPORT
from project.personal_data import NO_CONTACTS, Contacts
from project.records.data import Check, GateReport, UnusedWaiver, Waived
from project.records.record import read_input
from project.settings import Settings, line_of, parse, read_settings
from project.yaml_text import with_items

ALL = "all"
LONGEST = timedelta(days=366)  # a year: who excuses for longer should look at it again
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def ids(rows: Any) -> Any:
    """The ids of a list, none for `all`."""
    if rows == ALL:
        return ()
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"must be a list of row ids, or `{ALL}`")
    for row in rows:
        if not isinstance(row, str):
            raise ValueError(f"{row!r} reads as a number: put ids in quotes")
    return rows


def day(text: Any) -> Any:
    if not DAY.fullmatch(str(text)):
        raise ValueError(f"{text!r} is no date such as 2027-03-31")
    return text


def in_words(text: str) -> str:
    if not any(map(str.isalnum, text)):
        raise ValueError("must not be blank")
    return text


Words = Annotated[str, AfterValidator(in_words)]


class Waiver(Settings):
    """One person's word that rows may fail a check until a day, and why."""

    check: str  # its name in the contract
    rows: Annotated[tuple[str, ...], BeforeValidator(ids)]  # ids; none: every one, written `all`
    by: Words
    until: Annotated[date, BeforeValidator(day)]  # that day included, in UTC
    reason: Words

    def excuses(self, row: str) -> bool:
        return not self.rows or row in self.rows


class Waivers(Settings):
    """The file datasets/contracts/waivers.yaml."""

    ours: Contacts = NO_CONTACTS  # no personal data: the organisation's own
    waivers: tuple[Waiver, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def an_empty_key_says_nothing(cls, fields: Any) -> Any:
        if isinstance(fields, dict):
            return {name: value for name, value in fields.items() if value is not None}
        return fields


def with_waivers(check: Check, waivers: Iterable[Waiver]) -> Check:
    """The check with what is excused, whatever the day: it passes if no failing row is left.

    A check that broke was not made, so nothing excuses it.
    """
    by_waiver = excused_rows(check, waivers)
    if not by_waiver:
        return check
    excused = {row for rows in by_waiver.values() for row in rows}
    waived = tuple(
        Waived(by=waiver.by, until=waiver.until, reason=waiver.reason, rows=rows)
        for waiver, rows in by_waiver.items()
    )
    passed = excused.issuperset(check.failing_rows)
    return check.model_copy(update={"passed": passed, "waived": waived})


def excused_rows(check: Check, waivers: Iterable[Waiver]) -> dict[Waiver, tuple[str, ...]]:
    """Of each waiver the failing rows that it excuses; of several the one that holds longest.

    Where no row is to blame, only a waiver of all rows counts.
    """
    if check.passed or check.crashed:
        return {}
    ordered = sorted((w for w in waivers if w.check == check.name), key=lambda waiver: waiver.until)
    if not check.failing_rows:
        return dict.fromkeys([w for w in ordered if not w.rows][-1:], ())
    longest: dict[str, Waiver] = {}
    for waiver in ordered:
        longest |= dict.fromkeys(waiver.rows or check.failing_rows, waiver)
    by_waiver: dict[Waiver, list[str]] = {}
    for row in check.failing_rows:
        if row in longest:
            by_waiver.setdefault(longest[row], []).append(row)
    return {waiver: tuple(rows) for waiver, rows in by_waiver.items()}


def unused(checks: Iterable[Check], waivers: Iterable[Waiver]) -> tuple[UnusedWaiver, ...]:
    """The waivers that excuse nothing. Of a check that broke, nobody can tell."""
    left = list(waivers)
    for check in checks:
        used = excused_rows(check, left)
        left = [w for w in left if w not in used and not (check.crashed and w.check == check.name)]
    return tuple(UnusedWaiver(check=w.check, by=w.by, until=w.until) for w in left)


# --- waivers file ---------------------------------------------------------------------------------

WAIVERS = Path("datasets/contracts/waivers.yaml")


def read_waivers() -> Waivers:
    """What the file says; without a file, nothing. Raises InputError naming line and field."""
    return read_settings(Waivers, WAIVERS) if WAIVERS.exists() else Waivers()


def refuse_unknown_checks(waivers: Waivers, known: Iterable[str]) -> None:
    """Raise InputError for a waiver of a check that the contract does not have."""
    names = list(known)
    for number, waiver in enumerate(waivers.waivers):
        if waiver.check not in names:
            steps = ["waivers", str(number), "check"]
            raise InputError(
                f"the contract has no check {waiver.check!r}; it has {', '.join(names)}",
                file=WAIVERS,
                line=line_of(parse(WAIVERS), steps)[0],
                field=".".join(steps),
            )


def add_contacts(contacts: Mapping[str, Iterable[str]]) -> None:
    """Write the `phones`, `emails` and `domains` that are not there yet; raises as `excuse`."""
    there = read_waivers().ours.model_dump()
    add(
        [
            (["ours", kind], contact)
            for kind, given in contacts.items()
            for contact in dict.fromkeys(given)
            if contact not in there[kind]
        ]
    )


def add(items: Iterable[tuple[Sequence[str], Any]]) -> None:
    read_waivers()  # what is wrong with the file is told with its line
    text = read_input(WAIVERS).decode() if WAIVERS.exists() else ""
    write_bytes(WAIVERS, with_items(text, items, WAIVERS).encode())


# --- waiving --------------------------------------------------------------------------------------


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
    if asked.until < today:
        raise InputError(f"{asked.until} is past, in UTC", field="--until")
    if asked.until > today + LONGEST:
        latest = f"{today + LONGEST} at the latest"
        raise InputError(f"a waiver is for a year at most: {latest}", field="--until")
    if not GATE_REPORT.exists():
        raise InputError("nothing is checked yet: run `dvc repro` first", file=GATE_REPORT)
    report = GateReport.read(GATE_REPORT)
    if is_stale(report):
        raise InputError("is about other rows: run `dvc repro` first", file=GATE_REPORT)
    check = failing_check(report, asked.check)
    if asked.every and asked.rows:
        raise InputError("is for every row: leave --rows out", field="--all")
    chosen: str | Sequence[str]
    if asked.every:
        chosen = ALL
    elif asked.rows:
        chosen = list(dict.fromkeys(filter(None, map(str.strip, asked.rows.split(",")))))
        if strange := [row for row in chosen if row not in check.failing_rows]:
            problem = f"no row that fails {check.name!r}: {', '.join(strange)}"
            raise InputError(problem, field="--rows")
    else:
        chosen = rows_left(check, today)
    waiver = as_waiver(asked, check.name, chosen)
    fields = waiver.model_dump() | {"rows": list(waiver.rows) or ALL}
    add([(["waivers"], fields)])
    return waiver


def is_stale(report: GateReport) -> bool:
    """Whether other rows are curated now than were checked."""
    return digest_folder(CURATED) != report.dataset_rows


def failing_check(report: GateReport, name: str) -> Check:
    check = next((check for check in report.checks if check.name == name), None)
    if check is None:
        names = [check.name for check in report.checks]
        near = get_close_matches(name, names) or [c.name for c in report.checks if not c.met]
        like = "".join(f"\n  {candidate}" for candidate in near or names)
        raise InputError(f"the contract has no check {name!r}; perhaps you mean{like}")
    if check.crashed:
        raise InputError(f"{name!r} broke, so nothing was checked: mend the contract")
    if check.met:
        raise InputError(f"{name!r} does not fail: there is nothing to waive")
    return check


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
        raise InputError(first_problem(error), field=f"--{error.errors()[0]['loc'][0]}") from None
