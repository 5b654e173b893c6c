"""The artifact store: every file under the digest of its bytes, hashed again at each reading."""

import json
from pathlib import Path
from typing import TypeVar

from registry.canonical import canonical_json, digest_bytes, digest_file, digest_folder
from registry.errors import IncumbentError
from registry.files import staged_folder, write_bytes
from registry.records import Digest, Record, short

R = TypeVar("R", bound=Record)


class Artifacts:
    """A folder of blobs. A stored folder is a blob too: the map from file names to digests."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: Digest) -> Path:
        return self.root / digest[:2] / digest

    def put(self, data: bytes) -> Digest:
        """Store bytes; storing them again heals a copy that was damaged."""
        digest = digest_bytes(data)
        if not (self.path(digest).exists() and digest_file(self.path(digest)) == digest):
            write_bytes(self.path(digest), data)
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
        try:
            data = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise IncumbentError(f"artifact {short(digest)} is missing from {self.root}") from None
        if digest_bytes(data) != digest:
            raise IncumbentError(
                f"artifact {short(digest)} in {self.root} is damaged: its bytes no longer have "
                "its digest; restore it from a backup"
            )
        return data

    def get_record(self, model: type[R], digest: Digest) -> R:
        return model.parse(self.get(digest), self.path(digest))

    def manifest(self, digest: Digest) -> dict[str, Digest]:
        files: dict[str, Digest] = json.loads(self.get(digest))
        return files

    def verify_folder(self, digest: Digest) -> None:
        """Hash a stored folder's files again. Raises IncumbentError at the first bad one."""
        for blob in self.manifest(digest).values():
            self.get(blob)

    def check_out(self, digest: Digest, target: Path) -> Path:
        """Copy a stored folder to target, unless it stands there whole already."""
        if target.is_dir() and digest_folder(target) == digest:
            return target
        with staged_folder(target) as draft:
            for name, blob in self.manifest(digest).items():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                (draft / name).write_bytes(self.get(blob))
        return target
