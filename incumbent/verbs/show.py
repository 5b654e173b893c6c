"""`registry show`: the chain from an adapter to its rows, and all that was done about it."""

from typing import Annotated, Any

import typer
from rich.text import Text

from incumbent.options import Json, VersionNumber
from incumbent.output import coloured, console, print_json, print_table
from project.records.events import Event, Signing
from project.records.evidence import Decision
from project.records.record import Record
from project.untrusted_input import one_line
from registry.experiments.experiment_events import experiments
from registry.lineage import Lineage, apart, name_of, trace
from registry.model_card.card import card
from registry.overview.version_search import version_fields
from registry.reader import RegistryReader
from registry.state import CHAMPION
from training.kept.books import books_of

Fact = tuple[str, str | Text]
SHOWN = 200  # characters of a system prompt


def show(
    number: VersionNumber,
    card: Annotated[bool, typer.Option("--card", help="Print its model card instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show one version: its lineage, its evidence and the decision on it."""
    if card:
        print_card(number)
    else:
        print_version(number, as_json)


def print_card(number: int) -> None:
    with RegistryReader.here() as registry:
        print(card(trace(registry, number)), end="")


def print_version(number: int, as_json: bool) -> None:
    with RegistryReader.here() as registry:
        lineage = trace(registry, number)
        tried = [one for one in experiments(registry) if one.version == number]
    if as_json:
        shown = [one.model_dump(mode="json") for one in tried]
        print_json(dumped(lineage) | {"experiments": shown})
        return
    marks = [*lineage.aliases, *(["deleted"] if lineage.deleted else [])]
    console.print(Text.assemble((lineage.version.label, "bold"), *(f" · {m}" for m in marks)))
    facts = [*adapter_facts(lineage), *data_facts(lineage), *provenance_facts(lineage)]
    if lineage.decision:
        facts += decision_facts(lineage, lineage.decision)
    facts += [("experiment", str(one)) for one in tried]
    print_table(("", ""), facts + signature_facts(lineage))
    console.print("\nhistory")
    for event in lineage.history:
        console.print(f"  {event}", soft_wrap=True)


def dumped(lineage: Lineage) -> dict[str, Any]:
    """The version with its verdict, and every record of its lineage beside it."""

    def plain(record: Record | None) -> Any:
        return record.model_dump(mode="json") if record else None

    verdict = lineage.decision.verdict if lineage.decision else None
    signed = newest(lineage, "sign")
    return version_fields(lineage.version, verdict, CHAMPION in lineage.aliases) | {
        "deleted": lineage.deleted,
        "aliases": lineage.aliases,
        "dataset": plain(lineage.dataset),
        "origin": plain(lineage.origin),
        "provenance": plain(lineage.provenance),
        "gate": plain(lineage.gate),
        "recipe": lineage.recipe,
        "training": [plain(book) for book in books_of(lineage.version.adapter.recipe)],
        "parent": lineage.parent,
        "opponent": plain(lineage.opponent),
        "decision": plain(lineage.decision),
        "evidence": plain(lineage.evidence),
        "signature": plain(signed.detail) if signed else None,
        "history": [plain(event) for event in lineage.history],
    }


def adapter_facts(lineage: Lineage) -> list[Fact]:
    adapter = lineage.version.adapter
    settings = (f"{name} {value}" for name, value in lineage.recipe.items())
    return [
        ("adapter", adapter.files),
        ("base", f"{adapter.base.name}, revision {adapter.base.revision}"),
        ("base weights", adapter.base.weights),
        ("chat template", adapter.base.chat_template or "none"),
        ("system prompt", shortened(adapter.system_prompt or "none")),
        ("trained from", lineage.parent or "the base, without an earlier adapter"),
        ("trained in", str(adapter.numerics or "not recorded")),
        ("recipe", adapter.recipe),
        ("", ", ".join(settings) or "settings not stored"),
        *(("training took", str(book)) for book in books_of(adapter.recipe)),
    ]


def shortened(text: str) -> str:
    """A third party's text on one line, without what a terminal would obey."""
    line = one_line(text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"


def data_facts(lineage: Lineage) -> list[Fact]:
    dataset = lineage.dataset
    if dataset is None:
        return [("origin", str(lineage.origin)), ("", lineage.version.adapter.dataset)]
    return [
        ("dataset", str(dataset)),
        ("rows", dataset.rows),
        ("contract", dataset.contract),
        ("gate", str(lineage.gate) if lineage.gate else "no report stored"),
        ("sources", ", ".join(dataset.sources)),
        ("DVC revision", dataset.dvc_revision or "none"),
    ]


def provenance_facts(lineage: Lineage) -> list[Fact]:
    found = lineage.provenance
    if found is None:
        return [("commit", "not recorded")]
    packages = ", ".join(f"{name} {version}" for name, version in found.packages.items())
    return [
        ("commit", found.commit),
        ("", found.files_changed),
        ("repository", f"{found.remote or 'no remote'}, folder {found.folder}"),
        ("rows kept at", found.data_remote or "no DVC remote"),
        ("packages", packages),
    ]


def decision_facts(lineage: Lineage, decision: Decision) -> list[Fact]:
    look = f"look {decision.opening}" if decision.opening else "not looked at"
    calibration = lineage.evidence.calibration if lineage.evidence else None
    answered = decision.pins.numerics if decision.pins else None
    return [
        ("verdict", coloured(decision.verdict.value)),
        ("against", name_of(lineage.opponent)),
        *(("", told) for told in [apart(decision)] if told),
        *(("", reason) for reason in decision.reasons),
        ("decision", str(lineage.decision_digest)),
        ("evidence", decision.evidence),
        ("policy", decision.policy),
        ("answered in", str(answered or "not recorded")),
        ("sealed eval set", look),
        ("preference", str(calibration) if calibration else "not measured"),
    ]


def signature_facts(lineage: Lineage) -> list[Fact]:
    signed = newest(lineage, "sign")
    if signed is None:
        return [("signature", "none")]
    return [("signature", f"by {signed.actor}, {signed.at}"), ("key", signed.told(Signing).key)]


def newest(lineage: Lineage, kind: str) -> Event | None:
    return next((event for event in reversed(lineage.history) if event.kind == kind), None)
