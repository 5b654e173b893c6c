"""Which files hold a day's traffic, and which ones lie there that nothing reads."""

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from monitoring.traffic.file_lines import ENDINGS
from monitoring.traffic.late_feedback import PREFIX

DAY = len("2026-11-24")
OURS = ("README", "LICENSE", "_SUCCESS", "_metadata", "_common_metadata")  # and Spark's
NO_FORMAT, NO_DAY = "no format that is read", "no day in the file's name"


def day_named(name: str) -> date | None:
    """The day of a folder: 20261124 is a date too, and no partition's name."""
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if name == str(day) else None


def day_beside(name: str) -> date | None:
    """The day of a file beside the folders: `2026-11-24.jsonl`, `2026-11-24-app.jsonl.gz`."""
    return day_named(name[:DAY]) if name[DAY : DAY + 1] in (".", "-", "_", "T") else None


def is_read(name: str) -> bool:
    return name.endswith(ENDINGS) and name[0] != "."


def is_feedback(path: Path) -> bool:
    lines = path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    return path.name.startswith(PREFIX) and lines


def is_foreign(name: str) -> bool:
    """Whether it may be somebody's log all the same."""
    return not name.startswith((".", *OURS)) and not is_read(name)


def files_of(root: Path, day: date) -> list[Path]:
    """Those in the day's folder, then those beside it."""
    found = [path for path in listed(root / str(day)) if is_read(path.name)]
    found += (p for p in listed(root) if day_beside(p.name) == day and is_read(p.name))
    return [path for path in found if path.is_file()]


def days_beside(root: Path) -> Iterator[date]:
    for path in listed(root):
        if (day := day_beside(path.name)) and is_read(path.name):
            yield day


def unread(day: date, inside: Iterable[str], beside: Iterable[str]) -> list[tuple[str, str]]:
    """Names that nothing reads, each with the reason: in the day's folder, and beside it.

    A file beside the folders without a day in its name may be of this day too.
    """
    found = [(name, NO_FORMAT) for name in inside if is_foreign(name)]
    for name in beside:
        own = day_beside(name)
        if is_foreign(name) and own in (day, None):
            found.append((name, NO_FORMAT))
        elif is_read(name) and own is None:
            found.append((name, NO_DAY))
    return found


def listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
