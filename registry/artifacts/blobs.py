"""Where artifacts lie: a local folder, or any object store that fsspec knows."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from project.canonical import CHUNK, digest_file
from project.errors import IncumbentError, InputError
from project.files import make_folder, rename_all, sync, write_bytes
from project.object_stores import local_path, open_store, without_secrets
from project.records.record import Digest

BLOCK = 8 << 20  # bytes that are fetched from an object store at a time
DRAFT = ".draft-"


class Blobs(Protocol):
    """Bytes by their digest, in folders of two digits. Raises IncumbentError where the store fails.

    What is written is there whole or not at all, and on the disk when the call returns.
    """

    location: str  # as messages show it

    def read(self, name: Digest) -> bytes | None: ...  # None: not there
    def pieces(self, name: Digest) -> Iterator[bytes] | None: ...  # the same in bounded memory
    def exists(self, name: Digest) -> bool: ...
    def write(self, name: Digest, data: bytes) -> None: ...

    def take(self, files: Sequence[Path]) -> list[Digest]:
        """Store copies of local files under the digests that these turn out to have, in bounded
        memory. Raises InputError for a file that changes meanwhile.
        """

    def adopt(self, drafts: Sequence[Path]) -> list[Digest]:
        """The same with files that nobody else writes; those on the store's own disk are moved."""

    def delete(self, name: Digest) -> None: ...
    def names(self) -> Iterator[Digest]: ...
    def sizes(self) -> dict[Digest, int]: ...  # in bytes, of all that is stored
    def sweep(self, before: datetime) -> None: ...  # away with what dead writers left by then


def open_blobs(location: str) -> Blobs:
    """A local path, or a URL such as s3://bucket/folder. Raises InputError for neither."""
    root = local_path(location)
    return LocalBlobs(root) if root else RemoteBlobs(location)


class LocalBlobs:
    """Each blob is written as a hidden draft, synced, renamed, and its folder synced."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.location = str(root)

    def path(self, name: Digest) -> Path:
        return self.root / name[:2] / name

    def read(self, name: Digest) -> bytes | None:
        with storage_errors("read", self.location, OSError):
            try:
                return self.path(name).read_bytes()
            except FileNotFoundError:
                return None

    def pieces(self, name: Digest) -> Iterator[bytes] | None:
        with storage_errors("read", self.location, OSError):
            try:
                stream = self.path(name).open("rb")
            except FileNotFoundError:
                return None
        return self.read_on(stream)

    def read_on(self, stream: BinaryIO) -> Iterator[bytes]:
        with stream, storage_errors("read", self.location, OSError):
            while piece := stream.read(CHUNK):
                yield piece

    def exists(self, name: Digest) -> bool:
        return self.path(name).exists()

    def write(self, name: Digest, data: bytes) -> None:
        with storage_errors("written", self.location, OSError):
            write_bytes(self.path(name), data)

    def take(self, files: Sequence[Path]) -> list[Digest]:
        """It is the copies that are hashed, so what is stored is what its name says."""
        with storage_errors("written", self.location, OSError):
            make_folder(self.root)
            with tempfile.TemporaryDirectory(prefix=DRAFT, dir=self.root) as drafts:
                copies = [Path(drafts, str(number)) for number in range(len(files))]
                for file, copy in zip(files, copies, strict=True):
                    shutil.copyfile(file, copy)
                return self.adopt(copies)

    def adopt(self, drafts: Sequence[Path]) -> list[Digest]:
        with storage_errors("written", self.location, OSError), ThreadPoolExecutor() as disk:
            synced = disk.map(sync, drafts)  # a disk writes while the processor hashes
            names = [digest_file(draft) for draft in drafts]
            list(synced)
            rename_all({draft: self.path(n) for draft, n in zip(drafts, names, strict=True)})
        return names

    def delete(self, name: Digest) -> None:
        with storage_errors("deleted", self.location, OSError):
            self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[Digest]:
        yield from (path.name for path in self.root.glob("??/*") if not path.name.startswith("."))

    def sizes(self) -> dict[Digest, int]:
        found = {}
        with storage_errors("read", self.location, OSError):
            for name in self.names():
                with suppress(FileNotFoundError):  # it was deleted meanwhile
                    found[name] = self.path(name).stat().st_size
        return found

    def sweep(self, before: datetime) -> None:
        with storage_errors("deleted", self.location, OSError):
            for draft in [*self.root.glob(f"{DRAFT}*"), *self.root.glob("??/.*")]:
                with suppress(FileNotFoundError):  # its writer has ended meanwhile
                    if draft.stat().st_mtime < before.timestamp():
                        remove = shutil.rmtree if draft.is_dir() else Path.unlink
                        remove(draft)


class RemoteBlobs:
    """An object store: an upload shows as a whole, or not at all.

    Every kind of store raises exceptions of its own, and they have nothing else in common.
    """

    def __init__(self, url: str) -> None:
        self.location = without_secrets(url)
        try:
            self.files, self.root = open_store(url)
        except ValueError as error:
            raise InputError(f"cannot open the artifact store {self.location}: {error}") from None

    def path(self, name: Digest) -> str:
        return f"{self.root}/{name[:2]}/{name}"

    def read(self, name: Digest) -> bytes | None:
        with storage_errors("read", self.location, Exception):
            try:
                data: bytes = self.files.cat_file(self.path(name))
            except FileNotFoundError:
                return None
            return data

    def pieces(self, name: Digest) -> Iterator[bytes] | None:
        with storage_errors("read", self.location, Exception):
            try:
                stream = self.files.open(self.path(name), "rb", block_size=BLOCK)
            except FileNotFoundError:
                return None
        return self.read_on(stream)

    def read_on(self, stream: Any) -> Iterator[bytes]:
        with storage_errors("read", self.location, Exception), stream:
            while piece := stream.read(CHUNK):
                yield piece

    def exists(self, name: Digest) -> bool:
        with storage_errors("found", self.location, Exception):
            return bool(self.files.exists(self.path(name)))

    def write(self, name: Digest, data: bytes) -> None:
        with storage_errors("written", self.location, Exception):
            self.files.pipe_file(self.make_place(name), data)

    def take(self, files: Sequence[Path]) -> list[Digest]:
        return [self.upload(file) for file in files]

    def adopt(self, drafts: Sequence[Path]) -> list[Digest]:
        return self.take(drafts)

    def upload(self, file: Path) -> Digest:
        """What has arrived is not read back; that the file is still the same stands for it."""
        name = digest_file(file)
        with storage_errors("written", self.location, Exception):
            self.files.put_file(str(file), self.make_place(name))
        if digest_file(file) != name:
            self.delete(name)
            raise InputError("changed while it was stored", file=file)
        return name

    def make_place(self, name: Digest) -> str:
        """A blob's path, in a folder that is there: some stores have folders."""
        path = self.path(name)
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        return path

    def delete(self, name: Digest) -> None:
        with storage_errors("deleted", self.location, Exception), suppress(FileNotFoundError):
            self.files.rm_file(self.path(name))

    def names(self) -> Iterator[Digest]:
        with storage_errors("listed", self.location, Exception):
            try:
                found = self.files.find(self.root)
            except FileNotFoundError:
                return
        yield from (path.rpartition("/")[2] for path in found)

    def sizes(self) -> dict[Digest, int]:
        with storage_errors("listed", self.location, Exception):
            try:
                found = self.files.find(self.root, detail=True)
            except FileNotFoundError:
                return {}
        return {path.rpartition("/")[2]: about["size"] for path, about in found.items()}

    def sweep(self, before: datetime) -> None:
        """Nothing: an upload that breaks off shows nowhere, and the store's own rules end it."""


@contextmanager
def storage_errors(what: str, location: str, kind: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong in a store into an IncumbentError."""
    try:
        yield
    except kind as error:
        problem = f"an artifact in {location} could not be {what}, and nothing was changed"
        cause = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise IncumbentError(f"{problem}: {cause}") from error
