"""`registry versions`: what was submitted, and what came of it."""

from typing import Annotated

import typer
from rich.text import Text

from incumbent.options import LARGEST, Json, version_option
from incumbent.output import coloured, console, print_json, print_table
from project.records.record import short
from registry.overview.version_search import VersionFilter, VersionStanding, search, version_fields
from registry.reader import RegistryReader


def print_versions(
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, the newest ones.")] = 50,
    before: Annotated[
        int | None, version_option("Only versions below this number: an earlier page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the family's versions, with their verdicts, the oldest first."""
    with RegistryReader.here() as registry:
        chosen = VersionFilter(deleted=False, before=before)
        standings = search(registry, chosen, limit=limit).versions[::-1]
    if as_json:
        print_json([version_fields(s.version, s.verdict, s.champion) for s in standings])
    elif not standings:
        console.print("no versions: run `dvc repro`, then `incumbent submit`")
    else:
        columns = (">version", "verdict", "", "adapter", "dataset", "submitted", "by")
        print_table(columns, map(line, standings))
        oldest = standings[0].version.number
        if len(standings) == limit and oldest > 1:
            console.print(f"earlier ones: --before {oldest}")


def line(standing: VersionStanding) -> tuple[str | Text, ...]:
    version = standing.version
    return (
        f"v{version.number}",
        coloured(standing.verdict.value) if standing.verdict else "undecided",
        "champion" if standing.champion else "",
        short(version.adapter.files),
        short(version.adapter.dataset),
        version.at[:16].replace("T", " "),
        version.actor,
    )
