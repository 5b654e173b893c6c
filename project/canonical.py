"""One spelling for every value, so that equal values have equal bytes and equal digests."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """Serialise with sorted keys, no spaces and plain UTF-8; NaN and infinity raise ValueError."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_bytes(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def digest_number(data: bytes) -> int:
    """64 bits of a digest as a signed number, of which millions fit into an array: BLAKE2b."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def digest_json(value: Any) -> str:
    """SHA-256 of the canonical JSON of value."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in bounded memory."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def digest_files(folder: Path, names: Iterable[str]) -> str:
    """One digest for several files of a folder: of the map from relative name to file digest."""
    return digest_json({name: digest_file(folder / name) for name in names})


def digest_folder(folder: Path) -> str:
    """One digest for all the files below a folder, whatever order the disk lists them in."""
    return digest_files(
        folder, [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    )
