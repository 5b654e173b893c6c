"""The bytes of a file, unpacked; what can be no table is refused by what it begins with."""

import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from project.errors import InputError

# --- long records ---------------------------------------------------------------------------------

# Records that are too long to be read, found in a file's bytes before it is in memory.

MIB = 2**20
LONGEST_LINE = 16 * MIB  # bytes, of a record too: more than anybody writes, or a model reads
LINE_END = re.compile(rb"[\r\n]")
# How a list begins, or an object whose first value is a list or an object.
LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
HOLDER = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\"[^\"]{0,200}\"\s*:\s*[\[{]")
# Such an object is a record by itself where its first value is a conversation.
CHAT = re.compile(HOLDER.pattern + rb"\s*\{\s*\"(?:role|content|from|value)\"")
# All up to the next bracket; it stops at a text that has no end yet.
BETWEEN = re.compile(rb"(?:[^\"\[\]{}]++|\"(?:[^\"\\]++|\\.)*+\")*+", re.DOTALL)
OPENING, BRACKETS = b"[{", b"[]{}"
TOO_LONG = f"is longer than {LONGEST_LINE // MIB} MiB"
TAKE_OUT = "take it out, or cut it into several"


class LongRecordError(ValueError):
    """A record that is too long, with the line from 1 on which it begins."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def refuse_long_records(chunks: Iterable[bytes]) -> None:
    """Raise LongRecordError for a line that is too long, or, where one list holds all records, for
    such a record. The chunks are those of a text.
    """
    stream = iter(chunks)
    first = next(stream, b"")
    every = chained(first, stream)
    if LIST.match(first):
        refuse_long_elements(every, 1)
    elif HOLDER.match(first) and not CHAT.match(first):
        refuse_long_elements(every, 2)
    else:
        refuse_long_lines(every)


def chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def refuse_long_lines(chunks: Iterable[bytes]) -> None:
    line, length = 1, 0
    for chunk in chunks:
        end = LINE_END.search(chunk)
        if length + (end.start() if end else len(chunk)) > LONGEST_LINE:
            raise LongRecordError(f"{TOO_LONG}: a record is on a line of its own", line)
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        length = len(chunk) - last - 1 if last >= 0 else length + len(chunk)
        line += chunk.count(b"\n")


def refuse_long_elements(chunks: Iterable[bytes], level: int) -> None:
    """Look at what stands in brackets of a level, from 1: of no element more than a chunk is kept,
    but for a text that goes on.
    """
    element = Element(level)
    left = b""
    for chunk in chunks:
        left = element.passed(left + chunk)
        if len(left) > LONGEST_LINE:
            raise LongRecordError(f"holds a text that {TOO_LONG}: {TAKE_OUT}", element.begin)


@dataclass
class Element:
    """The element that is being passed, from chunk to chunk of a JSON text."""

    level: int
    depth: int = 0  # open brackets
    length: int = 0  # of the element so far
    line: int = 1
    begin: int = 1  # the line on which the element begins

    def passed(self, data: bytes) -> bytes:
        """Go on to the end of some bytes; returns those of a text that has no end yet."""
        place = 0
        while True:
            found = BETWEEN.match(data, place)
            end = found.end() if found else place
            mark = data[end : end + 1]
            is_bracket = mark in BRACKETS and mark != b""
            self.advance(data, place, end + is_bracket)
            if not is_bracket:
                return data[end:]
            self.turn(is_opening=mark in OPENING)
            place = end + 1

    def advance(self, data: bytes, start: int, end: int) -> None:
        self.length += end - start
        self.line += data.count(b"\n", start, end)
        if self.depth > self.level and self.length > LONGEST_LINE:
            raise LongRecordError(f"holds a record that {TOO_LONG}: {TAKE_OUT}", self.begin)

    def turn(self, *, is_opening: bool) -> None:
        if self.depth <= self.level:
            self.length, self.begin = 0, self.line
        self.depth += 1 if is_opening else -1


# --- file bytes -----------------------------------------------------------------------------------

LARGEST = 2048 * MIB  # bytes of a file, unpacked: its records take several times as many
CHUNK = MIB  # bytes that are looked at at once
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
        data = unpacked(data, path)
        refuse_long_bytes(data, path)
    if problem := other_kind(data):
        raise InputError(problem, file=path)
    return data


def refuse_long_bytes(data: bytes, path: Path) -> None:
    refuse_long((data[i : i + CHUNK] for i in range(0, len(data), CHUNK)), path)


def contents(path: Path) -> bytes:
    """Raises InputError. A pipe or a device is refused, for it may have no end."""
    with readable(path):
        refuse_no_file(path)
        refuse_large(path, LARGEST)
        return path.read_bytes()


def refuse_no_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise InputError(f"is {kind}: name a file", file=path)


def refuse_large(path: Path, largest: int) -> None:
    """Raise InputError for a file of more bytes than can be read."""
    size = path.stat().st_size
    if size > largest:
        problem = f"is {size // MIB:,} MiB large, and at most {largest // MIB:,} MiB are read"
        raise InputError(f"{problem}: split it into several files", file=path)


def refuse_long_file(path: Path) -> None:
    """Raise InputError for a file with a record that is too long, before it is in memory."""
    with readable(path):
        refuse_no_file(path)
        if path.stat().st_size <= LONGEST_LINE:
            return
        with path.open("rb") as file:
            if not file.read(4).startswith((PARQUET, GZIP, *ZIP)):
                file.seek(0)
                refuse_long(iter(partial(file.read, CHUNK), b""), path)


def refuse_long(chunks: Iterator[bytes], path: Path) -> None:
    try:
        refuse_long_records(chunks)
    except LongRecordError as error:
        raise InputError(str(error), file=path, line=error.line) from None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the system says of a path into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=path) from None
    except ValueError:  # such as a path with a NUL
        raise InputError("is no path", file=repr(str(path))) from None


def unpacked(data: bytes, path: Path) -> bytes:
    """Raises InputError, also for what a few bytes inflate to."""
    try:
        with gzip.open(io.BytesIO(data)) as packed:
            found = packed.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"is a broken gzip file: {AGAIN} ({error})", file=path) from None
    refuse_inflated(len(found), path)
    return found


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
