"""What is kept of telling a tracker, below `.incumbent/mirroring/`."""

from pathlib import Path

from project.files import home
from project.records.record import Record


class Untold(Record):
    """Versions that a tracker was not told of, or not to the end."""

    versions: tuple[int, ...]


def folder() -> Path:
    return home() / "mirroring"


def untold_of(family: str, tracker: str) -> Path:
    return folder() / f"{family}.{tracker}.untold.json"


def lock_of(family: str, tracker: str) -> Path:
    return folder() / f"{family}.{tracker}.lock"


def log_of(tracker: str) -> Path:
    return folder() / f"{tracker}.log"


def figures_page(family: str, number: int) -> Path:
    """The report as it may leave: without rows."""
    return home() / "reports" / f"{family}-v{number}.figures.html"


def copy_of(family: str, number: int) -> Path:
    """All that was told of a version, for whoever wants to see what goes out."""
    return folder() / f"{family}-v{number}.json"
