"""Where a night's page lies, and the map that is on it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from monitoring.prompt_map import Map
from monitoring.reference import Reference
from monitoring.report import page
from monitoring.signals.signal import Batch
from registry.files import home, write_bytes
from registry.records import Night, Topic


def page_path(day: date) -> Path:
    return home() / "reports" / f"night-{day}.html"


def map_path(day: date) -> Path:
    return home() / "monitoring" / "maps" / f"{day}.json"


def keep_map(day: date, reference: Reference, batch: Batch, topics: Sequence[Topic]) -> None:
    """Keep the map beside the night's verdict: the page is written when the night is at its end."""
    if found := Map.of_night(reference, batch, topics):
        found.write(map_path(day))


def write_page(night: Night, before: Sequence[Night]) -> Path:
    """Write the night's page; before are the nights before it, oldest first."""
    day = date.fromisoformat(night.date)
    found = Map.read(map_path(day)) if map_path(day).exists() else None
    write_bytes(page_path(day), page(night, before[-90:], found).encode())
    return page_path(day)
