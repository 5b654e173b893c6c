"""Where archives lie: a file here, or a URL that fsspec knows. They appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from project.errors import IncumbentError, InputError
from project.files import make_folder, rename_all
from project.object_stores import local_path, open_store, without_secrets
from registry.artifacts.blobs import BLOCK

PART = 32 << 20  # bytes that are sent at a time; object stores take 10,000 of them in a file


# --- written ------------------------------------------------------------------------------------


class Draft(Protocol):
    """An archive that is being written. Raises IncumbentError where its place fails."""

    def write(self, data: bytes) -> None: ...
    def finish(self) -> None: ...  # all that was written is on the disk, or has arrived
    def publish(self) -> None: ...  # from now on it is there; nobody sees it before
    def discard(self) -> None: ...  # nothing of it is left; after `publish` it changes nothing


@contextmanager
def draft_of(to: str) -> Iterator[Draft]:
    """A draft that goes with the block, unless it is published in it.

    Raises InputError for a place that is taken, or is none.
    """
    path = local_path(to)
    draft: Draft = LocalDraft(path) if path else RemoteDraft(to)
    try:
        yield draft
    finally:
        draft.discard()


class LocalDraft:
    """Beside its target, and for its owner's eyes until somebody lets others read it."""

    def __init__(self, target: Path) -> None:
        refuse_taken_file(target)
        self.target = target
        with place_errors("written", str(target), OSError):
            make_folder(target.parent)
            handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
        self.path = Path(name)
        self.stream: BinaryIO = os.fdopen(handle, "wb")

    def write(self, data: bytes) -> None:
        with place_errors("written", str(self.target), OSError):
            self.stream.write(data)

    def finish(self) -> None:
        with place_errors("written", str(self.target), OSError):
            self.stream.flush()
            os.fsync(self.stream.fileno())

    def publish(self) -> None:
        refuse_taken_file(self.target)  # others had hours to put one there
        with place_errors("written", str(self.target), OSError):
            rename_all({self.path: self.target})

    def discard(self) -> None:
        with suppress(OSError):  # what could not be written before cannot be now
            self.stream.close()
        self.path.unlink(missing_ok=True)


class RemoteDraft:
    """An upload in parts, which shows when it is committed.

    Every kind of store raises exceptions of its own, and they have nothing else in common.
    """

    def __init__(self, url: str) -> None:
        files, path = file_system(url)
        self.place, self.open = without_secrets(url), True
        with place_errors("written", self.place, Exception):
            there = files.exists(path)
        if there:
            raise taken(self.place)
        with place_errors("written", self.place, Exception):
            files.makedirs(path.rpartition("/")[0], exist_ok=True)  # some stores have folders
            self.stream = files.open(path, "wb", block_size=PART, autocommit=False)

    def write(self, data: bytes) -> None:
        with place_errors("written", self.place, Exception):
            self.stream.write(data)

    def finish(self) -> None:
        with place_errors("written", self.place, Exception):
            self.stream.close()

    def publish(self) -> None:
        with place_errors("written", self.place, Exception):
            self.stream.commit()
        self.open = False

    def discard(self) -> None:
        if self.open:
            with suppress(Exception):  # a store that is away ends an upload by its own rules
                self.stream.discard()


# --- read ---------------------------------------------------------------------------------------


class ArchiveFile:
    """An archive's bytes, in any order. Raises IncumbentError where they cannot be read."""

    def __init__(self, stream: Any, place: str) -> None:
        self.stream, self.place = stream, place

    def seek(self, at: int, whence: int = 0) -> int:
        with place_errors("read", self.place, Exception):
            return int(self.stream.seek(at, whence))

    def read(self, most: int) -> bytes:
        with place_errors("read", self.place, Exception):
            return bytes(self.stream.read(most))


@contextmanager
def archive_file(place: str) -> Iterator[ArchiveFile]:
    """Raises InputError where there is none."""
    try:
        with place_errors("read", without_secrets(place), Exception):
            stream = opened(place)
    except FileNotFoundError as error:
        # Some stores say the same of a file that one may not read, and of a host that is away.
        problem = error.strerror or "there is no such file, or it cannot be read from here"
        raise InputError(problem, file=without_secrets(place)) from None
    with stream:
        yield ArchiveFile(stream, without_secrets(place))


def opened(place: str) -> Any:
    if path := local_path(place):
        if path.is_dir():
            raise InputError("is a folder: name an archive in it", file=path)
        return path.open("rb")
    files, name = file_system(place)
    return files.open(name, "rb", block_size=BLOCK)


# --- both ---------------------------------------------------------------------------------------


@contextmanager
def place_errors(what: str, place: str, kind: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong at a place into an IncumbentError, but for a file to read that is not
    there.
    """
    try:
        yield
    except IncumbentError:
        raise
    except NotImplementedError:  # fsspec's word for it, such as of the web
        raise InputError(f"is of a kind that cannot be {what}", file=place) from None
    except kind as error:
        if what == "read" and isinstance(error, FileNotFoundError):
            raise
        cause = error.strerror if isinstance(error, OSError) and error.strerror else error
        kept = ", and nothing of it is kept" if what == "written" else ""
        raise IncumbentError(f"{place} could not be {what}{kept}: {cause}") from error


def file_system(url: str) -> tuple[Any, str]:
    try:
        return open_store(url)
    except ValueError as error:
        raise InputError(f"cannot be opened: {error}", file=without_secrets(url)) from None


def refuse_taken_file(target: Path) -> None:
    if target.is_dir():
        raise InputError("is a folder: name a file in it", file=target)
    if target.exists() or target.is_symlink():
        raise taken(str(target))


def taken(place: str) -> InputError:
    return InputError("is there already, and a backup overwrites nothing", file=place)
