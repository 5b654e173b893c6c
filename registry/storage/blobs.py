"""Where artifacts lie: bytes by their digest, in folders of two digits of a store."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from project.canonical import CHUNK, digest_file
from project.errors import InputError
from project.object_stores import DRAFT, FileStore
from project.records.record import Digest


class Blobs:
    """In a local folder, or at a URL such as s3://bucket/folder. Raises InputError for neither,
    and IncumbentError where the store fails.
    """

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
        """Store copies of local files under the digests that these turn out to have, in bounded
        memory. Raises InputError for a file that changes meanwhile.
        """
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
