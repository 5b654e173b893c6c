"""A part of a dossier from its template: YAML in which every value is a quoted string."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from monitoring.monitoring_settings import DriftParams, TrafficParams, TriggerParams
from monitoring.night_text import done
from monitoring.trigger.state_machine import CALM_NIGHTS
from project.records.data import counted
from project.records.drift import DriftVerdict
from project.records.field_change import readable_value
from project.records.record import Record
from project.settings import load
from registry.lineage import apart, name_of
from registry.overview.model_card import licence, limitations
from registry.registry_settings import RegistryParams
from review.dossier import dossier_figures
from review.dossier.document import DossierBlock, DossierPart
from review.dossier.version_records import VersionRecords

TEMPLATES = Path(__file__).parent / "templates"
SHOWN_NIGHTS = 30  # with an alarm
SIGN_OFFS = (
    *("submit", "sign", "decide", "promote", "rollback", "withdraw", "reject"),
    *("delete", "alias"),
    *("experiment", "experiment-end"),
)


def part_of(template: str, records: VersionRecords) -> DossierPart:
    text = environment().get_template(template).render(values_of(records))
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
