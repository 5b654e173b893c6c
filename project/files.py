"""Files that are whole or absent: written under a temporary name, synced, then renamed; secrets
among them.
"""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from project.errors import InputError

FileState = tuple[tuple[str | int, ...], ...]


def home() -> Path:
    """The folder of all state: $INCUMBENT_HOME, or `.incumbent` in the project's root."""
    return Path(os.environ.get("INCUMBENT_HOME", ".incumbent"))


@contextmanager
def staged_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that takes target's place when the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        draft.chmod(0o755)  # mkdtemp makes it private; what it becomes is not
        yield draft
        for path in draft.rglob("*"):
            if path.is_file():
                sync(path)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
        sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_bytes(target: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader or a crash sees the old bytes or the new ones.

    Until it is whole its owner alone can read it, and afterwards those whom `mode` lets.
    """
    draft = DraftFile(target)
    try:
        draft.write(data)
        draft.close()
        draft.path.chmod(mode)
        draft.commit()
    finally:
        draft.discard()


class DraftFile:
    """A file that is written beside its target, and hidden; its owner alone can read it."""

    def __init__(self, target: Path) -> None:
        self.target = target
        make_folder(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        self.path = Path(name)
        self.stream = os.fdopen(handle, "wb")

    def write(self, data: bytes) -> None:
        self.stream.write(data)

    def close(self) -> None:
        """When it returns, all that was written is on the disk."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()

    def commit(self) -> None:
        """Take the target's name."""
        rename_all({self.path: self.target})

    def discard(self) -> None:
        """Leave nothing of the draft; after `commit` this changes nothing."""
        with suppress(OSError):  # what could not be written before cannot be now
            self.stream.close()
        self.path.unlink(missing_ok=True)


def rename_all(renames: Mapping[Path, Path]) -> None:
    """Give files that are synced their names, and sync each folder once.

    All at the same time: a file system writes its journal once for all who wait for it.
    """
    for draft, target in renames.items():
        make_folder(target.parent)
        try:
            draft.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copy_over(draft, target)
    with ThreadPoolExecutor() as disk:
        list(disk.map(sync, {target.parent for target in renames.values()}))


def copy_over(file: Path, target: Path) -> None:
    """Put a copy of another disk's file, with who may read it, in a target's place."""
    draft = target.with_name(f".{target.name}")  # what a killed writer left is written over
    try:
        shutil.copy(file, draft)
        sync(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that a crash does not take them away again."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


@contextmanager
def locked(path: Path, waits: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a file's lock in the block; it ends with the process that has it.

    `waits` is called where another process has it, before that one's end is awaited; it may raise.
    """
    make_folder(path.parent)
    with path.open("a") as handle:
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            waits()
            flock(handle, LOCK_EX)
        yield


def write_lines(target: Path, lines: Iterable[bytes]) -> None:
    """Write the lines, each ended by a newline, as one whole file."""
    write_bytes(target, b"".join(line + b"\n" for line in lines))


def state_of(*files: Path) -> FileState:
    """What changes whenever one of some files does: while it is the same, what was read of them
    needs no second reading.
    """
    return tuple(map(state_of_file, files))


def state_of_file(file: Path) -> tuple[str | int, ...]:
    path = str(file.resolve())
    try:
        status = file.stat()
    except OSError:
        return (path,)
    return path, status.st_ino, status.st_size, status.st_mtime_ns


def sync(path: Path) -> None:
    """Flush a file's bytes or a folder's entries to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- secret file ----------------------------------------------------------------------------------

# A secret that this project signs and seals with: it outlives the processes that use it.

LENGTH = 32


def secret_of(file: Path) -> bytes:
    """Read the secret, or make one that only the file's owner can read.

    Raises InputError for a secret that others can read, or that is cut short.
    """
    if not file.exists():
        make_secret(file)
    return checked(file)


def make_secret(file: Path) -> None:
    """Whole or not at all. Of several processes that start at once one makes it, and the others
    read the same.
    """
    make_folder(file.parent)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(LENGTH))
            stream.flush()
            os.fsync(stream.fileno())
        # A link never takes a file's place, as a rename does.
        draft = Path(name)
        try:
            os.link(draft, file)
        except FileExistsError:
            pass  # another process was first
        except OSError:
            draft.replace(file)  # a disk without links
        sync(file.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def checked(file: Path) -> bytes:
    if file.stat().st_mode & 0o077:
        raise InputError(
            f"others can read it, so they could pass for this project: chmod 600 {file}, or delete "
            "it (what it signed until now then counts no more)",
            file=file,
        )
    secret = file.read_bytes()
    if len(secret) < LENGTH:
        raise InputError("is cut short: delete it, and start again", file=file)
    return secret
