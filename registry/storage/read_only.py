"""Reading an SQLite file that cannot be written to, whether or not others write to it."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from project.errors import IncumbentError

COMMITTED = ("", "-wal")  # what a file's committed transactions are in, by how the name goes on
TRIES = 5


def writable(file: Path) -> bool:
    """Whether this process can write to an SQLite file: it makes others beside it as it does."""
    return all(os.access(place, os.W_OK) for place in (file, file.parent))


def open_read_only(file: Path) -> sqlite3.Connection:
    """A connection that sees what was committed and changes nothing.

    SQLite reads a file in WAL mode by a -shm file beside it, which writers leave there while they
    have it open. Where there is none, and none can be made, a copy is read. SQLite's `immutable`
    would need no copy, but reads nonsense where a writer comes meanwhile. Raises IncumbentError
    where writes never pause.
    """
    connection = connected(f"{file.resolve().as_uri()}?mode=ro")
    try:
        connection.execute("SELECT name FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        connection = copied(file)
    connection.execute("PRAGMA query_only=ON")
    return connection


def connected(uri: str) -> sqlite3.Connection:
    """The pool hands connections from thread to thread, one at a time."""
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def copied(file: Path) -> sqlite3.Connection:
    """The file as it stood at one moment, in memory."""
    memory = connected(":memory:")
    with tempfile.TemporaryDirectory(prefix="incumbent-registry-") as folder:
        copy = sqlite3.connect(copy_at_rest(file, Path(folder)))
        copy.backup(memory)
        copy.close()
    return memory


def copy_at_rest(file: Path, folder: Path) -> Path:
    """Copy the file and its log between two writes; raises IncumbentError if these never pause."""
    for _ in range(TRIES):
        before = state_of(file)
        for ending in COMMITTED:
            target = folder / f"{file.name}{ending}"
            target.unlink(missing_ok=True)
            if ending in before:
                shutil.copyfile(f"{file}{ending}", target)
        if state_of(file) == before:
            return folder / file.name
    raise IncumbentError(f"the registry's database is written to all the time: {file}")


def state_of(file: Path) -> dict[str, tuple[int, int, int]]:
    """What tells one state of the file and its log from another."""
    found = {}
    for ending in COMMITTED:
        part = Path(f"{file}{ending}")
        if part.exists():
            about = part.stat()
            found[ending] = (about.st_ino, about.st_size, about.st_mtime_ns)
    return found
