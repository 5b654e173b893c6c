"""`registry versions`: what was submitted, and what came of it."""

from typing import Annotated

import typer
from rich.text import Text

from incumbent.options import LARGEST, Json, version_option
from incumbent.output import coloured, console, print_json, print_table
from project.records.record import short
from registry.reader import RegistryReader
from registry.version_list import Entry, newest, version_fields


def print_versions(
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, the newest ones.")] = 50,
    before: Annotated[
        int | None, version_option("Only versions below this number: an earlier page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the family's versions, with their verdicts, the oldest first."""
    with RegistryReader.here() as registry:
        found = newest(registry, limit, before)
    if as_json:
        print_json(
            [version_fields(entry.version, entry.verdict, entry.champion) for entry in found]
        )
    elif not found:
        console.print("no versions: run `dvc repro`, then `incumbent submit`")
    else:
        columns = (">version", "verdict", "", "adapter", "dataset", "submitted", "by")
        print_table(columns, map(line, found))
        if len(found) == limit and found[0].version.number > 1:
            console.print(f"earlier ones: --before {found[0].version.number}")


def line(entry: Entry) -> tuple[str | Text, ...]:
    version = entry.version
    return (
        f"v{version.number}",
        coloured(entry.verdict.value) if entry.verdict else "undecided",
        "champion" if entry.champion else "",
        short(version.adapter.files),
        short(version.adapter.dataset),
        version.at[:16].replace("T", " "),
        version.actor,
    )
