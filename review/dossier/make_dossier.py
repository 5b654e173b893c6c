"""A version's dossier, and the notes that people wrote to it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.decision.decision_replay import remake
from project.canonical import stamp
from project.errors import IncumbentError, InputError
from project.records.evidence import Evidence
from project.records.record import invalid, read_input
from registry.audit import events_and_versions, problems
from registry.reader import RegistryReader
from registry.release import refuse_changed
from registry.store import Registry
from review.dossier.document import Dossier, DossierBlock, DossierPart
from review.dossier.dossier_figures import approval_text, traffic_text
from review.dossier.part_template import part_of
from review.dossier.version_records import VersionRecords, read_records

# --- make dossier ---------------------------------------------------------------------------------

# A version's dossier, made from its records and from what people wrote.

PARTS = ("model_risk.yaml", "annex_iv.yaml")
SHOWN = 10  # problems


def make_dossier(
    registry: Registry, number: int, *, whole: bool, notes: Path | None, blind: bool = False
) -> Dossier:
    """The dossier of a version, as of now.

    `whole` checks every record of the registry for it, which takes its time; else this version's
    own are checked. `blind` leaves out how people's votes stand.

    Raises InputError when there is no such version or the notes are none, IncumbentError when one
    of its records is missing or damaged.
    """
    findings = [*own_findings(registry, number), *(whole_findings(registry) if whole else [])]
    records = read_records(registry, number, findings, blind=blind)
    parts = [part_of(template, records) for template in PARTS]
    return Dossier(
        family=registry.family,
        number=number,
        version=registry.submitted(number),
        made=stamp(registry.clock()),
        by=registry.actor,
        summary=summary(records),
        parts=with_notes(parts, read_notes(notes), notes),
    )


def summary(records: VersionRecords) -> DossierBlock:
    """What a reader wants to know first."""
    lineage, decision = records.lineage, records.lineage.decision
    standing = [f"the {name}" for name in lineage.aliases] + ["deleted"] * lineage.deleted
    return DossierBlock(
        text=(approval_text(records),),
        facts=(
            ("verdict", decision.verdict.value if decision else "nobody has decided on it"),
            ("because", "; ".join(decision.reasons) if decision else "–"),
            ("standing today", ", ".join(standing) or "no alias names it"),
            ("traffic", traffic_text(records)),
            ("base model", lineage.version.adapter.base.name),
            ("submitted", f"{lineage.version.at} by {lineage.version.actor}"),
            ("origin", "a third party" if lineage.origin else "trained in this project"),
        ),
    )


def own_findings(registry: RegistryReader, number: int) -> Sequence[str]:
    """Whether this version's rows are as they were written, and its decision comes out again."""
    version = registry.version(number)
    try:
        with registry.engine.connect() as connection:
            refuse_changed(connection, version)
        found = [f"{version.label} and every event about it are as they were written."]
    except IncumbentError as error:
        found = [f"It does not hold: {error}."]
    return [*found, replayed(registry, number)]


def replayed(registry: RegistryReader, number: int) -> str:
    """In a sentence, whether the newest decision follows from its evidence, byte for byte."""
    made = registry.decision_made(number)
    decision = registry.decision(number)
    if made is None or decision is None:
        return "No decision was made that could be made again."
    try:
        evidence = registry.artifacts.get_record(Evidence, decision.evidence)
        again = remake(decision, evidence, registry.artifacts.get(decision.policy))
        same = again.canonical() == registry.artifacts.get(made.decision)
    except IncumbentError as error:
        return f"The newest decision could not be made again: {error}."
    if not same:
        return "It does not hold: the evidence gives another decision than the one that is stored."
    return "The newest decision was made again from its evidence: the same bytes."


def whole_findings(registry: Registry) -> Sequence[str]:
    """The same of the whole registry, as `incumbent registry verify` checks it."""
    found = list(problems(registry))
    events, versions = events_and_versions(registry)
    if not found:
        return [f"{events} events in an unbroken chain, {versions} versions whole."]
    more = [f"{len(found) - SHOWN} problems more."] if len(found) > SHOWN else []
    return [f"The registry is not whole: {len(found)} problems.", *found[:SHOWN], *more]


# --- notes ----------------------------------------------------------------------------------------

# What people wrote for the headings that no record can fill: a YAML file of the project.

NOTES = Path("dossier.yaml")


class DossierNotes(BaseModel):
    """A text for each section that somebody wrote about, by the section's number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sections: dict[str, str] = {}


def read_notes(path: Path | None) -> DossierNotes:
    """The named file's notes, or the project's own if any. Raises InputError for no such file."""
    chosen = path or NOTES
    if path is None and not chosen.exists():
        return DossierNotes()
    try:
        return DossierNotes.model_validate(yaml.safe_load(read_input(chosen)) or {})
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {error}", file=chosen) from None
    except ValidationError as error:
        hint = 'write {sections: {"1.1": text}}'
        raise InputError(f"{invalid(error, chosen)}; {hint}") from None


def with_notes(
    parts: Iterable[DossierPart], notes: DossierNotes, path: Path | None
) -> tuple[DossierPart, ...]:
    """The parts with what was written. Raises InputError for a number that no section has."""
    parts = tuple(parts)
    known = {section.number for part in parts for section in part.sections}
    if unknown := sorted(notes.sections.keys() - known):
        problem = f"there is no such section; there are {', '.join(sorted(known))}"
        raise InputError(problem, file=path or NOTES, field=f"sections.{unknown[0]}")
    return tuple(written(part, notes.sections) for part in parts)


def written(part: DossierPart, texts: Mapping[str, str]) -> DossierPart:
    sections = [
        section.model_copy(update={"written": texts.get(section.number)})
        for section in part.sections
    ]
    return part.model_copy(update={"sections": tuple(sections)})
