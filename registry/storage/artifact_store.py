"""The artifact store: every file under the digest of its bytes, hashed again at each reading."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from project.canonical import CHUNK, canonical_json, digest_bytes, digest_file, digest_folder
from project.errors import IncumbentError, InputError
from project.files import make_folder, staged_folder
from project.object_stores import DRAFT, FileStore
from project.records.record import Digest, Record, short


class Blobs:
    """In a local folder, or at a URL such as s3://bucket/folder. Raises IncumbentError."""

    def __init__(self, place: Path | str) -> None:
        self.store = FileStore(place)
        self.location = self.store.location  # as messages show it

    def read(self, name: Digest) -> bytes | None:
        """None where it is not there."""
        with self.errors("read"):
            return self.store.read(blob_path(name))

    def pieces(self, name: Digest) -> Iterator[bytes] | None:
        """The same in bounded memory."""
        with self.errors("read"):
            try:
                stream = self.store.stream(blob_path(name))
            except FileNotFoundError:
                return None
        return self.read_on(stream)

    def read_on(self, stream: Any) -> Iterator[bytes]:
        with self.errors("read"), stream:
            while piece := stream.read(CHUNK):
                yield piece

    def exists(self, name: Digest) -> bool:
        with self.errors("found"):
            return self.store.exists(blob_path(name))

    def write(self, name: Digest, data: bytes) -> None:
        with self.errors("written"):
            self.store.write(blob_path(name), data)

    def take(self, files: Sequence[Path]) -> list[Digest]:
        """Store copies of files by their digests. Raises InputError for one that changes."""
        if self.store.folder is None:
            return [self.upload(file) for file in files]
        # It is the copies that are hashed, so what is stored is what its name says.
        with self.errors("written"), self.store.drafts() as drafts:
            copies = [Path(drafts, str(number)) for number in range(len(files))]
            for file, copy in zip(files, copies, strict=True):
                shutil.copyfile(file, copy)
            return self.adopt(copies)

    def upload(self, file: Path) -> Digest:
        """What has arrived is not read back; that the file is still the same stands for it."""
        name = digest_file(file)
        with self.errors("written"):
            self.store.put(file, blob_path(name))
        if digest_file(file) != name:
            self.delete(name)
            raise InputError("changed while it was stored", file=file)
        return name

    def drafts(self) -> TemporaryDirectory[str]:
        """A folder for files to adopt; what a killed writer leaves of it goes with `sweep`."""
        with self.errors("written"):
            return self.store.drafts()

    def adopt(self, drafts: Sequence[Path]) -> list[Digest]:
        """The same with files that nobody else writes; those on the store's own disk are moved."""
        with self.errors("written"):
            with ThreadPoolExecutor() as processors:
                names = list(processors.map(digest_file, drafts))
            self.store.adopt({d: blob_path(n) for d, n in zip(drafts, names, strict=True)})
        return names

    def delete(self, name: Digest) -> None:
        with self.errors("deleted"):
            self.store.delete(blob_path(name))

    def names(self) -> Iterator[Digest]:
        yield from self.sizes()

    def sizes(self) -> dict[Digest, int]:
        """The sizes of all that is stored, in bytes."""
        with self.errors("listed"):
            sizes = {path: (path.rpartition("/")[2], n) for path, n in self.store.sizes().items()}
        blobs = {name: n for path, (name, n) in sizes.items() if path == blob_path(name)}
        return {name: size for name, size in blobs.items() if not name.startswith(".")}

    def sweep(self, before: datetime) -> None:
        """Delete what dead writers left by then. An upload that breaks off shows nowhere, and the
        store's own rules end it.
        """
        if (root := self.store.folder) is None:
            return
        with self.errors("deleted"):
            for draft in [*root.glob(f"{DRAFT}*"), *root.glob("??/.*")]:
                with suppress(FileNotFoundError):  # its writer has ended meanwhile
                    if draft.stat().st_mtime < before.timestamp():
                        remove = shutil.rmtree if draft.is_dir() else Path.unlink
                        remove(draft)

    def errors(self, what: str) -> AbstractContextManager[None]:
        problem = f"an artifact in {self.location} could not be {what}, and nothing was changed"
        return self.store.errors(problem)


def blob_path(name: Digest) -> str:
    return f"{name[:2]}/{name}"


R = TypeVar("R", bound=Record)
T = TypeVar("T")


class MissingArtifactError(IncumbentError):
    """An artifact is not in the store."""


class DamagedArtifactError(IncumbentError):
    """An artifact's bytes are no longer those that it is named after."""


class Artifacts:
    """Blobs by digest. A stored folder is a blob too: the map from file names to digests."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs

    def put(self, data: bytes) -> Digest:
        """Store bytes; storing them again heals a copy that was damaged."""
        digest = digest_bytes(data)
        if self.blobs.read(digest) != data:
            self.blobs.write(digest, data)
        return digest

    def put_record(self, record: Record) -> Digest:
        return self.put(record.canonical())

    def put_folder(self, folder: Path, digest: Digest) -> None:
        """Store a folder's files unless all are there. Raises InputError for another digest."""
        try:
            actual = digest_folder(folder) if self.holds(digest) else self.take_folder(folder)
        except OSError as error:
            raise InputError(error.strerror or "cannot be read", file=error.filename) from None
        if actual != digest:
            problem = f"holds adapter {short(actual)}, its record says {short(digest)}"
            raise InputError(f"{problem}: run `dvc repro`", file=folder)

    def take_folder(self, folder: Path) -> Digest:
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in files:
            path.open("rb").close()  # what cannot be read is no fault of the store
        names = [path.relative_to(folder).as_posix() for path in files]
        stored = self.blobs.take(files)
        return self.put(canonical_json(dict(zip(names, stored, strict=True))))

    def get(self, digest: Digest) -> bytes:
        """Read a blob. Raises IncumbentError when it is missing or its bytes have changed."""
        data = self.there(digest, self.blobs.read(digest))
        self.refuse_damaged(digest, digest_bytes(data))
        return data

    def pieces(self, digest: Digest) -> Iterator[bytes]:
        """The same in bounded memory; that the bytes have changed is known after the last one."""
        sha = hashlib.sha256()
        for piece in self.there(digest, self.blobs.pieces(digest)):
            sha.update(piece)
            yield piece
        self.refuse_damaged(digest, sha.hexdigest())

    def get_record(self, model: type[R], digest: Digest) -> R:
        return model.parse(self.get(digest), Path(self.blobs.location, digest))

    def manifest(self, digest: Digest) -> dict[str, Digest]:
        """The files of a stored folder, by their names in it."""
        files: dict[str, Digest] = json.loads(self.get(digest))
        return files

    def all_of(self, digest: Digest) -> tuple[Digest, ...]:
        """A stored folder and its files: an event that names them all keeps them from deletion."""
        return (digest, *sorted(self.manifest(digest).values()))

    def incomplete(self, digest: Digest) -> bool:
        """Whether something of a stored folder is not there."""
        if not self.blobs.exists(digest):
            return True
        return not all(self.blobs.exists(blob) for blob in self.manifest(digest).values())

    def verify_folder(self, digest: Digest) -> None:
        """Hash a stored folder's files again. Raises IncumbentError at the first bad one."""
        for blob in self.manifest(digest).values():
            for _ in self.pieces(blob):
                pass

    def holds(self, digest: Digest) -> bool:
        """Whether all of a stored folder is there and whole."""
        try:
            self.verify_folder(digest)
        except IncumbentError:
            return False
        return True

    def check_out(self, digest: Digest, target: Path) -> Path:
        """Copy a stored folder to target unless it is there whole; whole ones are never removed."""
        if stands(target, digest):
            return target
        make_folder(target.parent)
        with TemporaryDirectory(prefix=".draft-", dir=target.parent) as place:
            made = Path(place, target.name)
            with staged_folder(made) as draft:
                self.copy(digest, draft)
            if target.exists() and not stands(target, digest):
                rmtree(target)
            with suppress(OSError):  # another process was quicker
                made.rename(target)
        return target

    def copy(self, digest: Digest, folder: Path) -> None:
        """Write a stored folder's files into a folder."""
        for name, blob in self.manifest(digest).items():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise IncumbentError(f"artifact {short(digest)} names a file outside its folder")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("wb") as stream:
                stream.writelines(self.pieces(blob))

    def digests(self) -> Iterator[Digest]:
        """The digest of everything that is stored."""
        return self.blobs.names()

    # --- missing and damaged artifacts ----------------------------------------------------------

    def there(self, digest: Digest, value: T | None) -> T:
        if value is None:
            place = self.blobs.location
            raise MissingArtifactError(f"artifact {short(digest)} is missing from {place}")
        return value

    def refuse_damaged(self, digest: Digest, digest_found: Digest) -> None:
        if digest_found != digest:
            raise DamagedArtifactError(
                f"artifact {digest} in {self.blobs.location} is damaged: its bytes no "
                "longer have its digest; docs/how-to/keep.md says how a backup brings it back"
            )


def stands(folder: Path, digest: Digest) -> bool:
    """Whether a folder is there, every byte of it as its digest says."""
    return folder.is_dir() and digest_folder(folder) == digest
