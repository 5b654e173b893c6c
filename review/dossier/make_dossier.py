"""A version's dossier, and the notes that people wrote to it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.decision.decision_replay import remake
from monitoring.monitoring_settings import DriftParams, TrafficParams, TriggerParams
from monitoring.night_text import done
from monitoring.trigger.state_machine import CALM_NIGHTS
from project.canonical import stamp
from project.disclosure import DisclosureParams
from project.errors import IncumbentError, InputError
from project.records.data import counted
from project.records.drift import DriftVerdict
from project.records.evidence import Evidence
from project.records.field_change import readable_value
from project.records.record import Record, invalid, read_input
from project.settings import Values, load
from registry.adapter_import.lora_config import ImportedOrigin
from registry.audit import events_and_versions, problems
from registry.decision_checks import refuse_changed
from registry.lineage import Lineage, apart, name_of
from registry.model_card import licence, limitations
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams
from registry.store import Registry
from review.dossier import dossier_figures
from review.dossier.document import (
    Dossier,
    DossierBlock,
    DossierPart,
    Section,
    VersionRecords,
    read_records,
)
from review.dossier.dossier_figures import approval_text, traffic_text
from review.dossier.read_frameworks import (
    SIGN_OFFS,
    framework_part,
    frameworks,
    read_frameworks,
)

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_NIGHTS = 30  # with an alarm


def records_part(records: VersionRecords) -> DossierPart:
    """Part 1, which all others lead to."""
    text = environment().get_template("records.yaml").render(values_of(records))
    document = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return DossierPart.model_validate_json(json.dumps(without_empty(document)))


def values_of(records: VersionRecords) -> dict[str, Any]:
    lineage, evidence = records.lineage, records.lineage.evidence
    alarms = [night for night in records.nights if night.verdict is DriftVerdict.DRIFT]
    return {
        "records": records,
        "reader": records.reader,
        "lineage": lineage,
        "version": lineage.version,
        "adapter": lineage.version.adapter,
        "base": lineage.version.adapter.base,
        "decision": lineage.decision,
        "evidence": evidence,
        "calibration": evidence.calibration if evidence else None,
        "traffic": records.traffic,
        "alarms": alarms[-SHOWN_NIGHTS:][::-1],
        "drift": load(DriftParams),
        "trigger": load(TriggerParams),
        "CALM_NIGHTS": CALM_NIGHTS,
        "keep": load(TrafficParams),
        "disclosure": load(DisclosureParams),
        "is_anchored": load(RegistryParams).anchor_place is not None,
    }


@cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,  # that is for HTML; `finalize` does it for YAML
        finalize=as_yaml,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (apart, counted, done, licence, limitations, name_of, readable_value)
    figures = {name: value for name, value in vars(dossier_figures).items() if callable(value)}
    known = figures | {word.__name__: word for word in words}
    made.filters |= known
    made.globals |= known | {"SHOWN_NIGHTS": SHOWN_NIGHTS, "SIGN_OFFS": SIGN_OFFS}
    return made


def as_yaml(value: object) -> str:
    """A value that nothing in it can leave. A float stays a number, all but lists is a string."""
    if isinstance(value, DossierBlock):
        return as_yaml(value.model_dump())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_yaml(k)}: {as_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str | Record) or not isinstance(value, Iterable):
        return '"' + "".join(map(escaped, str(value))) + '"'
    return "[" + ", ".join(map(as_yaml, value)) + "]"


def escaped(letter: str) -> str:
    is_plain = letter.isascii() and letter.isprintable() and letter not in '"\\'
    return letter if is_plain else f"\\U{ord(letter):08x}"


def without_empty(value: Any) -> Any:
    """The value without the keys that a template left empty, so that they have their defaults."""
    if isinstance(value, dict):
        return {key: without_empty(inner) for key, inner in value.items() if inner is not None}
    return [without_empty(inner) for inner in value] if isinstance(value, list) else value


# --- make dossier ---------------------------------------------------------------------------------

# A version's dossier, made from its records and from what people wrote.

SHOWN = 10  # problems


def make_dossier(
    registry: Registry,
    number: int,
    *,
    whole: bool,
    notes: Path | None,
    blind: bool = False,
    frameworks: Sequence[str] = (),
    superseded: bool = False,
) -> Dossier:
    """The dossier of a version, as of now: what the records say, and a part for each framework.

    `whole` checks every record of the registry for it, which takes its time; else this version's
    own are checked. `blind` leaves out how people's votes stand. frameworks are names or files; of
    none those of the notes, else all that are not superseded.

    Raises InputError when there is no such version or framework, or the notes are none,
    IncumbentError when one of its records is missing or damaged.
    """
    stated = read_notes(notes)
    chosen = read_frameworks(frameworks or stated.frameworks, superseded=superseded)
    findings = [*own_findings(registry, number), *(whole_findings(registry) if whole else [])]
    records = read_records(registry, number, findings, blind=blind)
    others = [
        framework_part(framework, records, place) for place, framework in enumerate(chosen, start=2)
    ]
    parts = [records_part(records), *others]
    return Dossier(
        family=registry.family,
        number=number,
        version=registry.submitted(number),
        made=stamp(registry.clock()),
        by=registry.actor,
        summary=summary(records),
        parts=with_notes(parts, stated, notes),
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
            ("origin", origin_text(lineage)),
        ),
    )


def origin_text(lineage: Lineage) -> str:
    if isinstance(lineage.origin, ImportedOrigin):
        return "a third party"
    return str(lineage.origin or "trained in this project")


def own_findings(registry: RegistryReader, number: int) -> Sequence[str]:
    """Whether this version's rows are as they were written, and its decision comes out again."""
    version = registry.version(number)
    try:
        with registry.engine.connect() as connection:
            refuse_changed(connection, version)
        findings = [f"{version.label} and every event about it are as they were written."]
    except IncumbentError as error:
        findings = [f"It does not hold: {error}."]
    return [*findings, replayed(registry, number)]


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
    faults = list(problems(registry))
    events, versions = events_and_versions(registry)
    if not faults:
        return [f"{events} events in an unbroken chain, {versions} versions whole."]
    more = [f"{len(faults) - SHOWN} problems more."] if len(faults) > SHOWN else []
    return [f"The registry is not whole: {len(faults)} problems.", *faults[:SHOWN], *more]


# --- notes ----------------------------------------------------------------------------------------

# What people wrote for the headings that no record can fill: a YAML file of the project.

NOTES = Path("dossier.yaml")


class StatedText(BaseModel):
    """What a person states, and who does, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    text: str
    by: str = ""
    date: str = ""

    @property
    def source(self) -> str | None:
        """Who, and when; None: the notes do not say."""
        parts = [f"by {self.by}"] * bool(self.by) + [f"on {self.date}"] * bool(self.date)
        return " ".join(parts) or None


class DossierNotes(BaseModel):
    """What somebody stated for each section, by the section's number."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sections: dict[str, str | StatedText] = {}
    frameworks: list[str] = []  # of the dossier, where the command names none


def read_notes(path: Path | None) -> DossierNotes:
    """The named file's notes, or the project's own if any. Raises InputError for no such file."""
    chosen = path or NOTES
    if path is None and not chosen.exists():
        return DossierNotes()
    try:
        text = yaml.load(read_input(chosen), Values)  # a day stays as it is written
        return DossierNotes.model_validate(text or {})
    except yaml.YAMLError as error:
        raise InputError(f"is no YAML: {error}", file=chosen) from None
    except ValidationError as error:
        hint = 'write {sections: {"1.1": text}}'
        raise InputError(f"{invalid(error, chosen)}; {hint}") from None


def with_notes(
    parts: Iterable[DossierPart], notes: DossierNotes, path: Path | None
) -> tuple[DossierPart, ...]:
    """The parts with what was written; what is about another framework waits for a dossier with it.

    Raises InputError for a number that no section has.
    """
    parts = tuple(parts)
    known = {section.number for part in parts for section in part.sections}
    others = [*frameworks().values(), *read_frameworks(notes.frameworks, superseded=True)]
    known.update(question.number for framework in others for question in framework.questions)
    if unknown := sorted(notes.sections.keys() - known):
        problem = f"there is no such section; there are {', '.join(sorted(known))}"
        raise InputError(problem, file=path or NOTES, field=f"sections.{unknown[0]}")
    return tuple(written(part, notes.sections) for part in parts)


def written(part: DossierPart, stated: Mapping[str, str | StatedText]) -> DossierPart:
    sections = [with_statement(section, stated.get(section.number)) for section in part.sections]
    return part.model_copy(update={"sections": tuple(sections)})


def with_statement(section: Section, stated: str | StatedText | None) -> Section:
    if isinstance(stated, StatedText):
        return section.model_copy(update={"written": stated.text, "written_by": stated.source})
    return section.model_copy(update={"written": stated})
