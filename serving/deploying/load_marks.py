"""Marks on disk of the loads that are under way: one that killed its process is not tried again.

An engine in the gateway's own process takes the gateway with it: a base that is too large for the
memory, say. Whoever starts the gateway again would start the same load again, for ever.
"""

import fcntl
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from project.files import home, make_folder

BOOT = Path("/proc/sys/kernel/random/boot_id")  # another one after each start of the machine


def marks_folder() -> Path:
    return home() / "serving" / "loads"


@contextmanager
def load_mark(name: str, news: int) -> Iterator[None]:
    """A file, locked by this process, while the block loads a version under a name.

    `news` is the number of the newest event about it.
    """
    folder = marks_folder() / name
    make_folder(folder)
    path = folder / f"{secrets.token_hex(8)}.json"
    with path.open("x") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        mark.write(json.dumps({"news": news, "boot": boot()}))
        mark.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def fatal_mark(name: str, news: int) -> Path | None:
    """The mark of a process that ended while it loaded a version; None: there is none.

    Marks are deleted that count no more: of before the newest event about the version, and of
    before the machine was started, for then it is known that something else ended the process.
    """
    folder = marks_folder() / name
    for path in sorted(folder.glob("*.json")):
        if is_held(path):
            continue
        if counts(path, news):
            return path
        path.unlink(missing_ok=True)
    return None


def is_held(path: Path) -> bool:
    """Whether a process that lives loads it now."""
    try:
        with path.open() as mark:
            fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:  # it has ended meanwhile
        return True
    except BlockingIOError:
        return True
    return False


def counts(path: Path, news: int) -> bool:
    try:
        told = json.loads(path.read_text())
        return bool(told["news"] >= news and told["boot"] == boot())
    except (OSError, ValueError, KeyError, TypeError):  # its process died while it wrote it
        return False


def boot() -> str:
    return BOOT.read_text().strip() if BOOT.exists() else ""
