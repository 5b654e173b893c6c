"""`incumbent status --all`: how all families of the registry stand."""

from rich.text import Text

from incumbent.output import coloured, console, print_json, print_table
from monitoring.teams.family_overview import FamilyLine, Need, Overview, family_overview
from project.untrusted_input import one_line
from registry.reader import RegistryReader


def print_all_families(as_json: bool) -> None:
    """Those first that need a person."""
    with RegistryReader.here() as reader:
        overview = family_overview(reader, reader.clock())
    if as_json:
        print_json(overview.model_dump(mode="json"))
        return
    if not overview.families:
        console.print("no family has a version yet: `incumbent run` makes the first one")
        return
    columns = ("family", "champion", "since", "last night", "retrains")
    print_table(columns, [cells(line) for line in overview.families])
    for line in overview.families:
        for need in line.needs:
            style = "bold red" if need.kind in ("failed", "drift") else "bold yellow"
            console.print(Text.assemble((line.family, style), f": {told(need)}"), soft_wrap=True)
    console.print(summary(overview), soft_wrap=True)
    for scheduler in overview.schedulers:
        console.print(f"watched by {one_line(scheduler)}", soft_wrap=True)


def cells(line: FamilyLine) -> tuple[str | Text, ...]:
    return (
        line.family,
        f"v{line.champion}" if line.champion else "–",
        (line.since or "–")[:10],
        night_text(line),
        retrain_text(line),
    )


def night_text(line: FamilyLine) -> Text:
    if line.verdict is None:
        return Text("–")
    return Text.assemble(f"{line.night} ", coloured(line.verdict.value))


def retrain_text(line: FamilyLine) -> str:
    """How many of its quota, and whether one runs or waits."""
    used = str(line.used) if line.quota is None else f"{line.used} of {line.quota}"
    return f"{used}, {line.retrain}" if line.retrain else used


def summary(overview: Overview) -> str:
    states = [line.retrain for line in overview.families]
    limit = f" of {overview.at_once} at once" if overview.at_once is not None else ""
    families = len(overview.families)
    return (
        f"{families} {'family' if families == 1 else 'families'}; retrains: "
        f"{states.count('running')}{limit} running, {states.count('waiting')} waiting"
    )


def told(need: Need) -> str:
    return f"{need.text}: {one_line(need.detail)}" if need.detail else need.text
