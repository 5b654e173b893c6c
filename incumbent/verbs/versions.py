"""`incumbent versions`: what was submitted, and what came of it."""

from rich.text import Text

from incumbent.output import coloured, console, print_json, print_table
from project.records.record import short
from registry.reader import RegistryReader
from registry.version_list import Entry, newest, version_fields


def print_versions(as_json: bool, *, limit: int | None = None, before: int | None = None) -> None:
    """The newest `limit` versions with numbers below `before`, oldest first."""
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
