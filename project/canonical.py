"""One spelling for every value, moments among them, so that equal values have equal bytes and
equal digests.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
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


# --- times ----------------------------------------------------------------------------------------

# Moments as text: RFC 3339 in UTC, so that text sorts as time does.

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str) -> str:
    """Return the text; raises ValueError unless it is an RFC 3339 date and time that exists."""
    if not RFC_3339.fullmatch(text.upper()):
        raise ValueError(f"{text!r} is no RFC 3339 time such as 2026-01-31T12:00:00Z")
    datetime.fromisoformat(text.upper())
    return text


def stamp(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC, to the millisecond, so that text sorts as time does."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def readable(text: str) -> str:
    """What `stamp` wrote as people read it, to the minute."""
    return f"{text[:16].replace('T', ' ')} UTC"


def moment_of(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.fromisoformat(text)
