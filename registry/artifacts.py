"""The artifact store: every file under the digest of its bytes, hashed again at each reading."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from registry.blobs import Blobs
from registry.canonical import canonical_json, digest_bytes, digest_folder
from registry.errors import IncumbentError
from registry.files import staged_folder
from registry.records import Digest, Record, short

R = TypeVar("R", bound=Record)


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

    def put_folder(self, folder: Path) -> Digest:
        """Store every file below a folder; returns what digest_folder gives for it."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest = {p.relative_to(folder).as_posix(): self.put(p.read_bytes()) for p in files}
        return self.put(canonical_json(manifest))

    def get(self, digest: Digest) -> bytes:
        """Read a blob. Raises IncumbentError when it is missing or its bytes have changed."""
        data = self.blobs.read(digest)
        if data is None:
            place = self.blobs.location
            raise IncumbentError(f"artifact {short(digest)} is missing from {place}")
        if digest_bytes(data) != digest:
            raise IncumbentError(
                f"artifact {short(digest)} in {self.blobs.location} is damaged: its bytes no "
                "longer have its digest; restore it from a backup"
            )
        return data

    def get_record(self, model: type[R], digest: Digest) -> R:
        return model.parse(self.get(digest), Path(self.blobs.location, digest))

    def manifest(self, digest: Digest) -> dict[str, Digest]:
        """The files of a stored folder, by their names in it."""
        files: dict[str, Digest] = json.loads(self.get(digest))
        return files

    def incomplete(self, digest: Digest) -> bool:
        """Whether something of a stored folder is not there."""
        if self.blobs.read(digest) is None:
            return True
        return not all(self.blobs.exists(blob) for blob in self.manifest(digest).values())

    def verify_folder(self, digest: Digest) -> None:
        """Hash a stored folder's files again. Raises IncumbentError at the first bad one."""
        for blob in self.manifest(digest).values():
            self.get(blob)

    def check_out(self, digest: Digest, target: Path) -> Path:
        """Copy a stored folder to target, unless it stands there whole already."""
        if target.is_dir() and digest_folder(target) == digest:
            return target
        with staged_folder(target) as draft:
            self.copy(digest, draft)
        return target

    def copy(self, digest: Digest, folder: Path) -> None:
        """Write a stored folder's files into a folder."""
        for name, blob in self.manifest(digest).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(self.get(blob))

    def digests(self) -> Iterator[Digest]:
        """The digest of everything that is stored."""
        return self.blobs.names()
