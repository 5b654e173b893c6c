"""The bytes of a file, unpacked; what can be no table is refused by what it begins with."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from project.errors import InputError

MIB = 2**20
LONGEST_LINE = 16 * MIB  # bytes, of a record too: more than anybody writes, or a model reads
TOO_LONG = f"is longer than {LONGEST_LINE // MIB} MiB"
# How JSON begins that is one value: a list, or an object whose first value is a list or an object.
ONE_VALUE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*\"[^\"]{0,200}\"\s*:\s*[\[{])")
# Such an object on a line of its own, with another one below: JSON Lines.
LINES = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{[^\n]*\}\s*\n\s*\{")
LARGEST_VALUE = 512 * MIB  # bytes of such a value, for it is read as one
LARGEST = 2048 * MIB  # bytes of a file, unpacked: its records take several times as many
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
GIT_LFS = b"version https://git-lfs"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the second one begins an archive of nothing
AS_CSV = "save it as CSV (UTF-8)"
UNPACK = "unpack it first"
AGAIN = "write or copy it again"
ENCRYPTED = "is an encrypted Parquet file: write it without encryption"

# What files begin with that are no table, and what to do about it.
OTHERS = {
    GIT_LFS: "is a Git-LFS pointer, not the file itself: git lfs pull",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": (
        "is an old or an encrypted Excel or Office file: save it as XLSX without a password, or as"
        " CSV (UTF-8)"
    ),
    b"%PDF-": f"is a PDF: {AS_CSV} what it shows",
    b"{\\rtf": f"is a rich text document: {AS_CSV}",
    b"PARE": ENCRYPTED,
    b"ARROW1": "is an Arrow or Feather file: save it as Parquet",
    b"FEA1": "is a Feather file: save it as Parquet",
    b"Obj\x01": "is an Avro file: save it as Parquet or JSON Lines",
    b"ORC": "is an ORC file: save it as Parquet",
    b"\x89HDF": "is an HDF5 file: save it as Parquet",
    b"SQLite format 3\0": f"is an SQLite database: {AS_CSV} the table that you need",
    GZIP: f"is packed by gzip twice: {UNPACK}",
    b"BZh": f"is packed by bzip2: {UNPACK}",
    b"\xfd7zXZ": f"is packed by xz: {UNPACK}",
    b"\x28\xb5\x2f\xfd": f"is packed by zstd: {UNPACK}",
    b"7z\xbc\xaf": f"is a 7-Zip archive: {UNPACK}",
    b"Rar!": f"is a RAR archive: {UNPACK}",
}


class FileBytes(NamedTuple):
    """What a file holds, or a file in an archive: faq.zip/faq.csv."""

    path: Path
    data: bytes


def plain(data: bytes, path: Path) -> bytes:
    """The bytes without gzip's packing. Raises InputError for what is no table at sight."""
    if data.startswith(GZIP):
        try:
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"is a broken gzip file: {AGAIN} ({error})", file=path) from None
        refuse_inflated(len(data), path)
    if problem := other_kind(data):
        raise InputError(problem, file=path)
    if len(data) > LONGEST_LINE and not data.startswith(PARQUET):
        refuse_long(data, path)
    return data


def refuse_long(data: bytes, path: Path) -> None:
    """Raise InputError for a text that is one large JSON value, or that has too long a line."""
    if ONE_VALUE.match(data):
        if len(data) > LARGEST_VALUE and not LINES.match(data):
            most = LARGEST_VALUE // MIB
            problem = f"is one JSON value of more than {most} MiB: save it as JSON Lines"
            raise InputError(problem, file=path)
        return
    end = b"\n" if b"\n" in data else b"\r"
    begin, line = 0, 1
    while begin < len(data):
        found = data.find(end, begin)
        stop = len(data) if found < 0 else found
        if stop - begin > LONGEST_LINE:
            problem = f"{TOO_LONG}: a record is on a line of its own"
            raise InputError(problem, file=path, line=line)
        begin, line = stop + 1, line + 1


def contents(path: Path) -> bytes:
    """Raises InputError. A pipe or a device is refused, for it may have no end."""
    with readable(path):
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "no regular file"
            raise InputError(f"is {kind}: name a file", file=path)
        refuse_large(path, LARGEST)
        return path.read_bytes()


def refuse_large(path: Path, largest: int) -> None:
    """Raise InputError for a file of more bytes than can be read."""
    size = path.stat().st_size
    if size > largest:
        problem = f"is {size // MIB:,} MiB large, and at most {largest // MIB:,} MiB are read"
        raise InputError(f"{problem}: split it into several files", file=path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says of a path into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=path) from None
    except ValueError:  # such as a path with a NUL
        raise InputError("is no path", file=repr(str(path))) from None


def refuse_inflated(size: int, path: Path) -> None:
    """Raise InputError for more bytes than are read of what is unpacked."""
    if size > LARGEST:
        problem = f"unpacks to more than {LARGEST // MIB:,} MiB: split it into several files"
        raise InputError(problem, file=path)


def other_kind(data: bytes) -> str | None:
    """What a file is that is no table, and what to do about it."""
    if not data.strip():
        return f"is empty: {AGAIN}"
    if data[257:262] == b"ustar":
        return f"is a tar archive: {UNPACK}"
    return next((what for start, what in OTHERS.items() if data.startswith(start)), None)
