"""`incumbent versions` and `incumbent show`: what was submitted, and what came of it."""

from typing import Any

from rich.text import Text

from incumbent.output import coloured, console, print_json, print_table
from registry.records import AdapterVersion, DatasetVersion, Decision, Evidence, short
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


def print_version(number: int, as_json: bool) -> None:
    with Registry.here() as registry:
        version = registry.version(number)
        champion = registry.champion()
        decision = registry.decision(number)
        events = registry.history(number)
        dataset = registry.artifacts.get_record(DatasetVersion, version.adapter.dataset)
        evidence = registry.artifacts.get_record(Evidence, decision.evidence) if decision else None
    if as_json:
        seat = champion.number if champion else None
        records = {"dataset": dataset, "decision": decision, "evidence": evidence}
        dumped = {key: r.model_dump(mode="json") if r else None for key, r in records.items()}
        history = [event.model_dump(mode="json") for event in events]
        print_json(summary(version, decision, seat) | dumped | {"history": history})
        return
    adapter = version.adapter
    mark = " · champion" if champion == version else ""
    console.print(Text.assemble((version.label, "bold"), mark))
    facts: list[tuple[str, str | Text]] = [
        ("adapter", adapter.files),
        ("base", f"{adapter.base.name}, revision {adapter.base.revision}"),
        ("base weights", adapter.base.weights),
        ("recipe", adapter.recipe),
        ("dataset", str(dataset)),
        ("rows", dataset.rows),
        ("contract", dataset.contract),
        ("sources", ", ".join(dataset.sources)),
    ]
    if decision and evidence:
        champion_then = decision.pins.champion if decision.pins else None
        facts += [
            ("verdict", coloured(decision.verdict.value)),
            ("against", f"adapter {short(champion_then)}" if champion_then else "bare base"),
            ("evidence", decision.evidence),
            ("preference", str(evidence.calibration)),
            *(("", reason) for reason in decision.reasons),
        ]
    print_table(("", ""), facts)
    console.print("\nhistory")
    for event in events:
        console.print(f"  {event}", soft_wrap=True)
