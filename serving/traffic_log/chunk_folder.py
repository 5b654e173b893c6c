"""Where chunks end up: a folder, or an object store that fsspec knows."""

import os
import shutil
from pathlib import Path
from typing import Protocol

from monitoring.traffic.remote_traffic import open_traffic
from project.errors import IncumbentError
from project.files import make_folder, sync
from project.object_stores import local_path, without_secrets

BUCKETS = frozenset({"s3", "gs", "abfs", "oss", "oci"})  # stores that know no folders


class ChunkFolder(Protocol):
    """A chunk is there whole or not at all, and the same chunk again changes nothing."""

    location: str

    def put(self, file: Path, name: str) -> None:
        """Store a file of the spool under `2026-11-24/….jsonl`. Raises IncumbentError."""


def open_folder(location: Path | str) -> ChunkFolder:
    """Raises InputError for a URL that nothing here can open."""
    folder = local_path(location)
    return LocalChunks(folder) if folder else RemoteChunks(str(location))


class LocalChunks:
    """A chunk is linked, or copied from another disk, beside its place; then it gets its name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)

    def put(self, file: Path, name: str) -> None:
        target = self.root / name
        draft = target.with_name(f".{target.name}")
        try:
            make_folder(target.parent)
            draft.unlink(missing_ok=True)  # of a writer that was killed
            try:
                link_or_copy(file, draft)
                sync(draft)
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
            sync(target.parent)
        except OSError as error:
            problem = error.strerror or str(error)
            raise IncumbentError(f"{target} cannot be written: {problem}") from None


def link_or_copy(file: Path, target: Path) -> None:
    """A link takes no room, which a full disk has not; not every disk knows links."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copy(file, target)  # with who may read it


class RemoteChunks:
    """One upload: it shows as a whole, or not at all."""

    def __init__(self, url: str) -> None:
        self.location = without_secrets(url)
        self.files, self.root = open_traffic(url)
        names = self.files.protocol  # one, or several of the same
        # Of a store of buckets it would make the bucket that a slip of the pen names.
        self.has_folders = BUCKETS.isdisjoint([names] if isinstance(names, str) else names)

    def put(self, file: Path, name: str) -> None:
        target = f"{self.root}/{name}"
        try:
            if self.has_folders:
                self.files.makedirs(target.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(file), target)
        except Exception as error:  # every kind of store raises exceptions of its own
            raise IncumbentError(f"{self.location}/{name} cannot be written: {error}") from error
