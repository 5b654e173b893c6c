"""How a dossier says numbers, names and lists."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from project.records.events import Event
from project.records.record import Record


def said(value: object) -> str:
    """A setting's value as people read it: JSON, but plain text without quotes."""
    if isinstance(value, Record):
        value = value.model_dump(mode="json")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def settings_of(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Settings as facts, the empty ones too: what is not asked for is told as well."""
    return tuple((name, said(value)) for name, value in values.items())


def signed(value: float) -> str:
    return f"{value:+.3f}"


def score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def listed(values: Iterable[object], empty: str = "none") -> str:
    return ", ".join(map(str, values)) or empty


def event_row(event: Event) -> tuple[str, ...]:
    return (event.at, event.kind, event.actor, event.reason)
