"""Where archives lie: a file here, or a URL that fsspec knows. They appear whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from project.errors import InputError
from project.object_stores import FileStore


class ArchiveDraft:
    """An archive that is being written. Raises IncumbentError where its place fails, and InputError
    for a place that is taken, or is none.
    """

    def __init__(self, to: str) -> None:
        self.place = FileStore(to)
        self.problem = f"{self.place.location} could not be written, and nothing of it is kept"
        self.refuse_taken()
        with self.place.errors(self.problem):
            self.stream = self.place.draft()
        self.published = False

    def write(self, data: bytes) -> None:
        with self.place.errors(self.problem):
            self.stream.write(data)

    def finish(self) -> None:
        """When it returns, all that was written is on the disk, or has arrived."""
        with self.place.errors(self.problem):
            self.stream.close()

    def publish(self) -> None:
        """Make the archive visible: from now on it is there, and nobody sees it before."""
        self.refuse_taken()  # others had hours to put one there
        with self.place.errors(self.problem):
            self.stream.commit()
        self.published = True

    def discard(self) -> None:
        """Leave nothing of it; after `publish` this changes nothing."""
        if not self.published:
            with suppress(Exception):  # a store that is away ends an upload by its own rules
                self.stream.discard()

    def refuse_taken(self) -> None:
        refuse_folder(self.place, "name a file in it")
        with self.place.errors(self.problem):
            there = self.place.exists()
        if there:
            problem = "is there already, and a backup overwrites nothing"
            raise InputError(problem, file=self.place.location)


@contextmanager
def archive_draft(to: str) -> Iterator[ArchiveDraft]:
    """A draft that goes with the block, unless it is published in it."""
    draft = ArchiveDraft(to)
    try:
        yield draft
    finally:
        draft.discard()


class ArchiveFile:
    """An archive's bytes, in any order. Raises IncumbentError where they cannot be read."""

    def __init__(self, stream: Any, place: FileStore) -> None:
        self.stream, self.place = stream, place
        self.problem = f"{place.location} could not be read"

    def seek(self, at: int, whence: int = 0) -> int:
        with self.place.errors(self.problem):
            return int(self.stream.seek(at, whence))

    def read(self, most: int) -> bytes:
        with self.place.errors(self.problem):
            return bytes(self.stream.read(most))


@contextmanager
def archive_file(at: str) -> Iterator[ArchiveFile]:
    """Raises InputError where there is none."""
    place = FileStore(at)
    refuse_folder(place, "name an archive in it")
    with place.errors(f"{place.location} could not be read"):
        try:
            stream = place.stream()
        except FileNotFoundError as error:
            # Some stores say the same of a file that one may not read, and of a host that is away.
            problem = error.strerror or "there is no such file, or it cannot be read from here"
            raise InputError(problem, file=place.location) from None
    with stream:
        yield ArchiveFile(stream, place)


def refuse_folder(place: FileStore, instead: str) -> None:
    if place.folder and place.folder.is_dir():
        raise InputError(f"is a folder: {instead}", file=place.folder)
