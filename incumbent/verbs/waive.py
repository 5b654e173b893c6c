"""`data waive` and `data allow`: what may stay in the data though a check fails."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from pydantic import ValidationError

from curation.checks.waivers import WAIVERS, Excuse, add_contacts, excuse, problem
from incumbent.options import day_option
from incumbent.output import console
from project.errors import InputError
from project.personal_data import Contacts
from project.records.data import counted
from registry.registry_settings import current_actor


def waive_check(
    check: Annotated[str, typer.Argument(help="The check's name, as the gate tells it.")],
    until: Annotated[
        date, day_option("The last day on which they are excused, at most a year ahead.")
    ],
    reason: Annotated[str, typer.Option(help="Why they may stay as they are.")],
    rows: Annotated[
        str | None,
        typer.Option(help="Ids of rows, separated by commas; if left out, those that fail now."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Excuse every row, and those to come; or the whole check.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; if left out, you.")] = None,
) -> None:
    """Excuse rows from a check until a day, by name and with a reason."""
    waive(check, rows=rows, every=every, until=until, reason=reason, by=by)


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
    asked = Excuse(name, rows, every, until, reason, by or current_actor())
    waiver = excuse(asked, today or datetime.now(UTC).date())
    what = "every row, and those to come" if every else counted(len(waiver.rows), "row")
    console.print(f'excused from "{waiver.check}" until {until}: {what}', soft_wrap=True)
    console.print(f"it stands in {WAIVERS}: commit it, then run `dvc repro`", soft_wrap=True)


def allow_contacts(
    phone: Annotated[
        list[str] | None, typer.Option(help="A phone number; only its digits are compared.")
    ] = None,
    email: Annotated[list[str] | None, typer.Option(help="A mail address.")] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(help="A domain: all its mail addresses, and those of domains below it."),
    ] = None,
) -> None:
    """Name your organisation's own contacts: the gate takes them for no personal data."""
    allow({"phones": phone or [], "emails": email or [], "domains": domain or []})


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
