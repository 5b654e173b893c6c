"""`incumbent versions`: what was submitted, and what came of it."""

from typing import Any

from rich.text import Text

from incumbent.output import coloured, console, print_json, print_table
from registry.records import AdapterVersion, Decision, short
from registry.store import Registry


def print_versions(as_json: bool) -> None:
    with Registry.here() as registry:
        champion = registry.champion()
        found = [(version, registry.decision(version.number)) for version in registry.versions()]
    seat = champion.number if champion else None
    if as_json:
        print_json([summary(version, decision, seat) for version, decision in found])
    elif not found:
        console.print("no versions yet: run `dvc repro`, then `incumbent submit`")
    else:
        columns = (">version", "verdict", "", "adapter", "dataset", "submitted", "by")
        print_table(columns, (line(version, decision, seat) for version, decision in found))


def summary(version: AdapterVersion, decision: Decision | None, seat: int | None) -> dict[str, Any]:
    return version.model_dump(mode="json") | {
        "verdict": decision.verdict.value if decision else None,
        "champion": version.number == seat,
    }


def line(
    version: AdapterVersion, decision: Decision | None, seat: int | None
) -> tuple[str | Text, ...]:
    return (
        f"v{version.number}",
        coloured(decision.verdict.value) if decision else "undecided",
        "champion" if version.number == seat else "",
        short(version.adapter.files),
        short(version.adapter.dataset),
        version.at[:16].replace("T", " "),
        version.actor,
    )
