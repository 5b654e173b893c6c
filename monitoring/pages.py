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


def page_path(family: str, day: date) -> Path:
    return home() / "reports" / f"{family}-night-{day}.html"


def map_path(family: str, day: date) -> Path:
    return home() / "monitoring" / "maps" / f"{family}-night-{day}.json"


def keep_map(
    family: str, day: date, reference: Reference, batch: Batch, topics: Sequence[Topic]
) -> None:
    """Keep the map beside the night's verdict: the page is written when the night is at its end."""
    if found := Map.of_night(reference, batch, topics):
        found.write(map_path(family, day))


def forget_pages(family: str, before: date) -> None:
    """Delete the pages and maps of nights before a day: they show users' prompts."""
    for path in (page_path(family, before), map_path(family, before)):
        for other in path.parent.glob(f"{family}-night-????-??-??{path.suffix}"):
            if other.name < path.name:
                other.unlink(missing_ok=True)


def write_page(night: Night, before: Sequence[Night]) -> Path:
    """Write the night's page; before are the nights before it, oldest first."""
    day = date.fromisoformat(night.date)
    kept, target = map_path(night.family, day), page_path(night.family, day)
    found = Map.read(kept) if kept.exists() else None
    write_bytes(target, page(night, before[-90:], found).encode())
    return target
