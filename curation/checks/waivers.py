"""What people excuse at the gate: rows that fail a check, by name and for a time."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, model_validator

from project.contacts import NO_CONTACTS, Contacts
from project.records.data import Check, UnusedWaiver, Waived
from project.settings import Settings

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
    found = excused_rows(check, waivers)
    if not found:
        return check
    excused = {row for rows in found.values() for row in rows}
    waived = tuple(
        Waived(by=waiver.by, until=waiver.until, reason=waiver.reason, rows=rows)
        for waiver, rows in found.items()
    )
    passed = excused.issuperset(check.failing_rows)
    return check.model_copy(update={"passed": passed, "waived": waived})


def excused_rows(check: Check, waivers: Iterable[Waiver]) -> dict[Waiver, tuple[str, ...]]:
    """Of each waiver the failing rows that it excuses; of several the one that holds longest.

    Where no row is to blame, only a waiver of all rows counts.
    """
    if check.passed or check.crashed:
        return {}
    own = sorted((w for w in waivers if w.check == check.name), key=lambda waiver: waiver.until)
    if not check.failing_rows:
        return dict.fromkeys([w for w in own if not w.rows][-1:], ())
    longest: dict[str, Waiver] = {}
    for waiver in own:
        longest |= dict.fromkeys(waiver.rows or check.failing_rows, waiver)
    found: dict[Waiver, list[str]] = {}
    for row in check.failing_rows:
        if row in longest:
            found.setdefault(longest[row], []).append(row)
    return {waiver: tuple(rows) for waiver, rows in found.items()}


def unused(checks: Iterable[Check], waivers: Iterable[Waiver]) -> tuple[UnusedWaiver, ...]:
    """The waivers that excuse nothing. Of a check that broke, nobody can tell."""
    left = list(waivers)
    for check in checks:
        used = excused_rows(check, left)
        left = [w for w in left if w not in used and not (check.crashed and w.check == check.name)]
    return tuple(UnusedWaiver(check=w.check, by=w.by, until=w.until) for w in left)
