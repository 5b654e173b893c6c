"""`incumbent registry show`, `versions` and `why`, `incumbent history`: versions, and the chain
from an adapter to its rows.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from evaluation.decision.policy import Policy
from evaluation.decision.ways_out import ways_out
from evaluation.report.report_data import right_lines
from incumbent.options import LARGEST, Json, VersionNumber, version_option
from incumbent.output import coloured, console, print_json, print_table, say
from project.canonical import stamp
from project.errors import InputError
from project.records.events import Signing
from project.records.evidence import Decision, Evidence
from project.records.record import short
from project.untrusted_input import shortened
from registry.experiment_events import experiments
from registry.lineage import Lineage, apart, name_of, trace
from registry.model_card import card
from registry.reader import RegistryReader
from registry.tenure import CHAMPION
from registry.version_search import VersionFilter, VersionStanding, search, version_fields
from registry.why_paragraph import why
from training.kept.books import books_of

Fact = tuple[str, str | Text]
SHOWN = 200  # characters of a system prompt


def show(
    number: VersionNumber,
    card: Annotated[bool, typer.Option("--card", help="Print its model card instead.")] = False,
    as_json: Json = False,
) -> None:
    """Show one version: its lineage, its evidence and the decision on it.

    $ incumbent registry show v3
    """
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
        tried = [experiment for experiment in experiments(registry) if experiment.version == number]
    if as_json:
        print_json(dumped(lineage) | {"experiments": tried})
        return
    marks = (f" · {mark}" for mark in (*lineage.aliases, *lineage.marks))
    console.print(Text.assemble((lineage.version.label, "bold"), *marks))
    facts = [*adapter_facts(lineage), *data_facts(lineage), *provenance_facts(lineage)]
    if lineage.decision:
        facts += decision_facts(lineage, lineage.decision)
    facts += [("experiment", str(experiment)) for experiment in tried]
    print_table(("", ""), facts + signature_facts(lineage))
    console.print("\nhistory")
    for event in lineage.history:
        say(f"  {event}")


def dumped(lineage: Lineage) -> dict[str, Any]:
    """The version with its verdict, and every record of its lineage beside it."""
    verdict = lineage.decision.verdict if lineage.decision else None
    signed = lineage.newest("sign")
    return version_fields(lineage.version, verdict, CHAMPION in lineage.aliases) | {
        "deleted": lineage.deleted,
        "aliases": lineage.aliases,
        "dataset": lineage.dataset,
        "origin": lineage.origin,
        "provenance": lineage.provenance,
        "gate": lineage.gate,
        "recipe": lineage.recipe,
        "training": list(books_of(lineage.version.adapter.recipe)),
        "parent": lineage.parent,
        "opponent": lineage.opponent,
        "decision": lineage.decision,
        "evidence": lineage.evidence,
        "signature": signed and signed.detail,
        "history": lineage.history,
    }


def adapter_facts(lineage: Lineage) -> list[Fact]:
    adapter = lineage.version.adapter
    settings = (f"{name} {value}" for name, value in lineage.recipe.items())
    if adapter.bare:
        base = "kept answers" if adapter.base.hosted else "base weights"
        return [
            ("what", str(adapter)),
            ("sheet", adapter.files),
            (base, (adapter.answers if adapter.base.hosted else adapter.base.weights) or "none"),
            ("system prompt", shortened(adapter.system_prompt or "none", SHOWN)),
        ]
    return [
        ("adapter", adapter.files),
        ("base", f"{adapter.base.name}, revision {adapter.base.revision}"),
        ("base weights", adapter.base.weights),
        ("chat template", adapter.base.chat_template or "none"),
        ("system prompt", shortened(adapter.system_prompt or "none", SHOWN)),
        ("trained from", lineage.parent or "the base, without an earlier adapter"),
        ("trained in", str(adapter.numerics or "not recorded")),
        ("recipe", adapter.recipe),
        ("", ", ".join(settings) or "settings not stored"),
        *(("training took", str(book)) for book in books_of(adapter.recipe)),
    ]


def data_facts(lineage: Lineage) -> list[Fact]:
    dataset = lineage.dataset
    if dataset is None:
        return [("origin", str(lineage.origin)), ("", lineage.version.adapter.dataset)]
    return [
        ("dataset", str(dataset).removeprefix("dataset ")),
        ("rows", dataset.rows),
        ("contract", dataset.contract),
        ("gate", str(lineage.gate or "no report stored").removeprefix("gate: ")),
        ("sources", ", ".join(dataset.sources)),
        ("DVC revision", dataset.dvc_revision or "none"),
    ]


def provenance_facts(lineage: Lineage) -> list[Fact]:
    provenance = lineage.provenance
    if provenance is None:
        return [("commit", "not recorded")]
    packages = ", ".join(f"{name} {version}" for name, version in provenance.packages.items())
    return [
        ("commit", provenance.commit),
        ("", provenance.files_changed),
        ("repository", f"{provenance.remote or 'no remote'}, folder {provenance.folder}"),
        ("rows kept at", provenance.data_remote or "no DVC remote"),
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
        ("sealed items", look),
        ("preference", str(calibration) if calibration else "not measured"),
    ]


def signature_facts(lineage: Lineage) -> list[Fact]:
    signed = lineage.newest("sign")
    if signed is None:
        return [("signature", "none")]
    return [("signature", f"by {signed.actor}, {signed.at}"), ("key", signed.told(Signing).key)]


# --- versions -------------------------------------------------------------------------------------


def print_versions(
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, the newest ones.")] = 50,
    before: Annotated[
        int | None, version_option("Only versions below this number: an earlier page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the family's versions, with their verdicts, the oldest first.

    $ incumbent registry versions
    """
    with RegistryReader.here() as registry:
        chosen = VersionFilter(deleted=False, before=before)
        standings = search(registry, chosen, limit=limit).versions[::-1]
    if as_json:
        print_json([version_fields(s.version, s.verdict, s.champion) for s in standings])
    elif not standings:
        console.print("no versions: run `incumbent run`")
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
        "\n".join(
            words
            for words, holds in (
                ("champion", standing.champion),
                ("by force", standing.forced),
                ("rejected", standing.rejected),
            )
            if holds
        ),
        short(version.adapter.files),
        short(version.adapter.dataset),
        version.at[:16].replace("T", " "),
        version.actor,
    )


# --- history --------------------------------------------------------------------------------------


def print_history(
    at: Annotated[
        str | None, typer.Option(help="A date or time: which version each alias named then.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List everything that happened to the family, the oldest first.

    Raises InputError for a moment that is no date or time of ISO 8601.

    $ incumbent history
    """
    if at is not None:
        print_aliases(moment(at), as_json)
        return
    with RegistryReader.here() as registry:
        events = registry.history()
    if as_json:
        print_json(events)
    elif not events:
        console.print("nothing happened yet: run `incumbent run`")
    for event in [] if as_json else events:
        say(str(event))


def print_aliases(at: str, as_json: bool) -> None:
    with RegistryReader.here() as registry:
        held = {name: registry.version(n) for name, n in registry.state(at).aliases.items()}
    if as_json:
        print_json(held)
    elif not held:
        console.print(f"at {at} no alias named a version")
    else:
        rows = ((name, v.label, short(v.adapter.files)) for name, v in held.items())
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


# --- why ------------------------------------------------------------------------------------------


def print_why(number: VersionNumber, as_json: Json = False) -> None:
    """Say in a paragraph why a version was or was not promoted.

    $ incumbent registry why v3
    """
    with RegistryReader.here() as registry:
        paragraph = why(registry, number)
        label = registry.version(number).label
        right, ways = told_by_evidence(registry, number)
    if as_json:
        print_json({"version": label, "why": paragraph, "right": right, "ways_out": ways})
        return
    say(*right)
    console.print(paragraph)
    for way in ways:
        say(f"What would turn it: {way}")


def told_by_evidence(registry: RegistryReader, number: int) -> tuple[list[str], list[str]]:
    """How many answers were right, and what would turn the newest decision; nothing where a person
    has ended it, or its policy is of another form.
    """
    decision = registry.decision(number)
    if decision is None:
        return [], []
    evidence = registry.artifacts.get_record(Evidence, decision.evidence)
    measured = evidence.dev if decision.opening is None else evidence.sealed
    right = list(right_lines(measured))
    if registry.newest_event(number, "reject") or registry.rolled_back(number):
        return right, []
    try:
        policy = Policy.parse(registry.artifacts.get(decision.policy), Path(decision.policy))
    except InputError:
        return right, []
    return right, list(ways_out(evidence, decision, policy))
