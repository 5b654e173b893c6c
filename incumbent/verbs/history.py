"""`history`: the family's events, one a line, or who held which alias at a moment."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from incumbent.options import Json
from incumbent.output import console, print_json, print_table
from project.errors import InputError
from project.times import stamp
from registry.reader import RegistryReader


def print_history(
    at: Annotated[
        str | None, typer.Option(help="A date or time: which version each alias named then.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Everything that happened to the family, oldest first.

    Raises InputError for a moment that is no date or time of ISO 8601."""
    if at is not None:
        print_aliases(moment(at), as_json)
        return
    with RegistryReader.here() as registry:
        events = registry.history()
    if as_json:
        print_json([event.model_dump(mode="json") for event in events])
    elif not events:
        console.print("nothing happened yet: run `dvc repro`, then `incumbent submit`")
    for event in [] if as_json else events:
        console.print(str(event), soft_wrap=True)


def print_aliases(at: str, as_json: bool) -> None:
    with RegistryReader.here() as registry:
        held = {name: registry.version(n) for name, n in registry.state(at).aliases.items()}
    if as_json:
        print_json({name: version.model_dump(mode="json") for name, version in held.items()})
    elif not held:
        console.print(f"at {at} no alias named a version")
    else:
        rows = ((name, v.label, v.adapter.files) for name, v in held.items())
        print_table(("alias", "version", "adapter"), rows)


def moment(text: str) -> str:
    """A date or time as events have it, in UTC; a date alone means its end."""
    try:
        parsed = datetime.fromisoformat(text.upper())
        if "T" not in text.upper() and " " not in text:
            parsed = parsed.replace(hour=23, minute=59, second=59, microsecond=999_000)
        parsed = parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(
            f"{text!r} is no date or time such as 2026-01-31T12:00Z", field="--at"
        ) from None
    return stamp(parsed)
