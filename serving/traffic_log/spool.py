"""Rows on their way to the traffic folder, in files of this machine that outlive a killed gateway.

`<spool>/<gateway>/2026-11-24/.open-<chunk>` is appended to; without `.open-` the chunk is closed
and waits to be stored. Whoever holds a gateway's lock owns its folder; a process that was killed
holds no lock, and the next gateway takes its chunks over.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import BinaryIO

from monitoring.traffic.traffic_store import append_bytes, held, is_still
from project.errors import IncumbentError
from project.files import home, make_folder
from project.object_stores import FileStore
from serving.traffic_log.logged_lines import LoggedLine

OPEN = ".open-"
LOCK = "lock"
ROWS = 10_000  # of a chunk, at most
BYTES = 8 << 20  # after which a chunk is closed


def spool_folder() -> Path:
    return home() / "serving" / "spool"


@dataclass
class OpenChunk:
    path: Path
    opened: float  # by the clock that `append` was told
    rows: int = 0
    size: int = 0

    @property
    def full(self) -> bool:
        return self.rows >= ROWS or self.size >= BYTES


class Spool:
    """The open chunks of one gateway, and closed ones that it has to store. Not for two threads,
    but for `closed`.
    """

    def __init__(self, root: Path, gateway: str) -> None:
        self.root = root
        self.gateway = gateway
        self.own = root / gateway
        self.locks: dict[Path, BinaryIO] = {}  # of the folders that are ours
        self.chunks: dict[tuple[str, str], OpenChunk] = {}
        self.sequence = 0

    def claim(self) -> None:
        """Make the own folder, unless it is there."""
        if self.own not in self.locks:
            self.locks[self.own] = locked(self.own)

    def append(self, lines: Sequence[LoggedLine], now: float) -> None:
        """Write lines of one partition and kind: all of them or, with an OSError, none."""
        self.claim()  # with the first rows: a disk that is full at the start may be free later
        kind = lines[0].partition, lines[0].prefix
        # Known before it is written to: a full disk may take a file's name and none of its bytes.
        if kind not in self.chunks:
            self.chunks[kind] = self.new_chunk(*kind, now)
        chunk = self.chunks[kind]
        data = b"".join(line.line for line in lines)
        append_bytes(chunk.path, data)
        chunk.rows += len(lines)
        chunk.size += len(data)

    def close_chunks(self, opened_by: float) -> int:
        """Close the chunks that were opened by a moment, and full ones; returns how many. One that
        cannot be closed is left to the next start; then raises OSError.
        """
        due = [key for key, chunk in self.chunks.items() if chunk.full or chunk.opened <= opened_by]
        for key in due:
            finish(self.chunks.pop(key).path)
        return len(due)

    def next_due(self) -> float | None:
        """When the oldest open chunk was opened."""
        return min((chunk.opened for chunk in self.chunks.values()), default=None)

    def take_over(self) -> int:
        """Take over what killed gateways left; returns the torn lines that were dropped."""
        others = [path for path in folders_in(self.root) if path not in self.locks]
        torn = 0
        for folder in others:
            if lock := locked_if_free(folder):
                self.locks[folder] = lock
                torn += sum(finish(path) for path in folder.rglob(f"{OPEN}*"))
        return torn

    def closed(self) -> list[tuple[Path, str]]:
        """The chunks that wait to be stored, and the names that they get, oldest first."""
        pairs = [(path, folder) for folder in list(self.locks) for path in folder.rglob("*.jsonl")]
        waiting = [pair for pair in pairs if not pair[0].name.startswith(".")]
        return sorted((path, path.relative_to(folder).as_posix()) for path, folder in waiting)

    def size(self) -> int:
        """Bytes that wait, of all gateways on this machine; one may just take its folder away."""
        paths = (Path(folder, name) for folder, _, names in os.walk(self.root) for name in names)
        return sum(size_of(path) for path in paths if path.suffix == ".jsonl")

    def release(self) -> None:
        """Let the folders go, and delete those that nothing waits in."""
        for folder, lock in self.locks.items():
            with lock:
                if not any(path.suffix == ".jsonl" for path in folder.rglob("*")):
                    shutil.rmtree(folder, ignore_errors=True)
        self.locks.clear()

    def new_chunk(self, partition: str, prefix: str, now: float) -> OpenChunk:
        self.sequence += 1
        name = f"{OPEN}{prefix}{self.gateway}-{self.sequence:06}.jsonl"
        return OpenChunk(self.own / partition / name, now)


def finish(path: Path) -> bool:
    """Close an open chunk; returns whether a torn line was dropped from its end.

    It waits for whoever erases rows from the file at this moment.
    """
    with suppress(FileNotFoundError), held(path):
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)
        torn = whole < len(data)
        if size_of(path):
            path.rename(path.with_name(path.name.removeprefix(OPEN)))
        else:
            path.unlink()
        return torn
    return False


def locked(folder: Path) -> BinaryIO:
    """The lock of a folder that is nobody else's."""
    while True:
        make_folder(folder)
        with suppress(FileNotFoundError):  # the folder of a gateway without a lock was deleted
            stream = (folder / LOCK).open("ab")
            fcntl.flock(stream, fcntl.LOCK_EX)
            if is_still(stream, folder / LOCK):
                return stream
            stream.close()


def locked_if_free(folder: Path) -> BinaryIO | None:
    """None where its gateway lives, or is just about to begin."""
    try:
        stream = (folder / LOCK).open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream


def folders_in(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in sorted(root.iterdir()) if path.is_dir())


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


# --- once a minute --------------------------------------------------------------------------------

# Warnings about what may happen with every request, said once a minute.

MINUTE = 60.0


class OnceAMinute:
    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self.log = log
        self.clock = clock
        self.said: dict[str, float] = {}

    def warn(self, message: str, *values: object) -> None:
        """Messages are told apart by their words, not by the values in them."""
        now = self.clock()
        if now - self.said.get(message, now - MINUTE) >= MINUTE:
            self.said[message] = now
            self.log.warning(message, *values)


# --- chunk sender ---------------------------------------------------------------------------------

# A thread that stores closed chunks; a folder that refuses them is asked again.

AGAIN = 5.0  # seconds until chunks that were refused are tried again
log = logging.getLogger(__name__)


class ChunkSender:
    def __init__(self, spool: Spool, folder: FileStore, say: OnceAMinute) -> None:
        self.spool = spool
        self.folder = folder
        self.say = say
        self.backlog = 0  # bytes that wait because the folder refused them
        self.wanted = Event()
        self.ended = False
        self.one_at_a_time = Lock()
        self.thread = Thread(target=self.run, name="traffic-sender", daemon=True)

    def run(self) -> None:
        while not self.ended:
            self.wanted.wait(AGAIN if self.backlog else None)
            self.wanted.clear()
            self.send_all()
        self.send_all()  # what was closed while the last round ran

    def send_all(self) -> None:
        """Store what is closed, up to the first chunk that is refused."""
        with self.one_at_a_time:
            try:
                for file, name in self.spool.closed():
                    self.send(file, name)
                self.backlog = 0
            except (IncumbentError, OSError) as error:
                self.say.warn("traffic waits in %s: %s", self.spool.root, error)
                self.backlog = max(self.spool.size(), 1)

    def send(self, file: Path, name: str) -> None:
        """Whoever erases rows has the file alone, before or after."""
        try:
            with held(file):
                if file.stat().st_size:
                    with self.folder.errors(f"{self.folder.location}/{name} cannot be written"):
                        self.folder.adopt({file: name})
                file.unlink(missing_ok=True)
        except FileNotFoundError:
            if file.exists():  # it is the folder that lacks something
                raise

    def end(self, patience: float) -> None:
        """Try once more; what is refused stays in the spool for the next start."""
        self.ended = True
        self.wanted.set()
        self.thread.join(patience)
