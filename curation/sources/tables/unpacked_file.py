"""The bytes of files, unpacked; what can be no table is refused by what it begins with."""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from curation.sources.tables.table import shortened
from project.errors import InputError
from project.untrusted_input import one_line

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
    if not data.strip():
        raise InputError(f"is empty: {AGAIN}", file=path)
    if data[257:262] == b"ustar":
        raise InputError(f"is a tar archive: {UNPACK}", file=path)
    for start, what in OTHERS.items():
        if data.startswith(start):
            raise InputError(what, file=path)
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
        place = data.find(end, begin)
        stop = len(data) if place < 0 else place
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


# --- archives -------------------------------------------------------------------------------------

MOST = 10_000  # files in an archive
LOCKED = 0x1  # a flag of the format
DRIVE = re.compile(r"[A-Za-z]:")
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError)
WORKBOOK = "xl/workbook.xml"  # what makes an archive an XLSX file
# What else an archive is that holds a part of such a name.
OTHER_ARCHIVES = {
    "word/": f"is a Word document: {AS_CSV} what is a table in it",
    "xl/": "is an Excel file of another format: save it as XLSX, or as CSV (UTF-8)",
    "ppt/": "is a PowerPoint file: it holds no table",
    "content.xml": f"is an OpenDocument file: save it as XLSX, or {AS_CSV}",
}


def files_read(path: Path) -> list[FileBytes]:
    """A file without gzip's packing, or the files of data in a ZIP archive, by their names.

    The path of a file in an archive is faq.zip/faq.csv. Raises InputError for what is no table at
    sight, and for an archive that nobody should unpack.
    """
    data = contents(path)
    if not data.startswith(ZIP):
        return [FileBytes(path, plain(data, path))]
    with open_zip(data, path) as archive:
        if WORKBOOK in archive.namelist():
            return [FileBytes(path, data)]
        return list(unzipped(archive, path))


def open_zip(data: bytes, path: Path) -> zipfile.ZipFile:
    """Raises InputError."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except BROKEN as error:
        problem = f"is a broken ZIP archive: {AGAIN} ({one_line(error)})"
        raise InputError(problem, file=path) from None


def unzipped(archive: zipfile.ZipFile, path: Path) -> Iterator[FileBytes]:
    """Its files of data; raises InputError where it has none."""
    names = archive.namelist()
    for part, what in OTHER_ARCHIVES.items():
        if any(name.startswith(part) for name in names):
            raise InputError(what, file=path)
    if len(names) > MOST:
        raise InputError(f"holds {len(names):,} files: at most {MOST:,} are read", file=path)
    for name in names:
        steps = PurePosixPath(name.replace("\\", "/"))
        if steps.is_absolute() or ".." in steps.parts or DRIVE.match(name):
            problem = f"holds {shortened(name)}, a path that leads out of it: nothing of it is read"
            raise InputError(problem, file=path)
    inside = [Path(name) for name in names if not name.endswith("/")]
    inside = [file for file in inside if is_seen(file) and is_data(file)]
    chosen = set(without_settings(inside))
    entries = [entry for entry in archive.infolist() if Path(entry.filename) in chosen]
    if not entries:
        problem = "is a ZIP archive without CSV, JSON, JSON Lines, Parquet or XLSX"
        raise InputError(f"{problem}: {UNPACK}, and name what is in it", file=path)
    refuse_inflated(sum(entry.file_size for entry in entries), path)
    for info in sorted(entries, key=lambda entry: entry.filename):
        where = path / info.filename
        data = member(archive, info, where)
        if data.startswith(ZIP):
            # An archive in an archive is read if it is a workbook.
            with open_zip(data, where) as inner:
                if WORKBOOK not in inner.namelist():
                    raise InputError(f"is an archive in an archive: {UNPACK}", file=where)
        yield FileBytes(where, plain(data, where))


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: Path) -> bytes:
    """The bytes of a file in the archive: no more than it says. Raises InputError."""
    if info.flag_bits & LOCKED:
        raise InputError(f"is encrypted in its archive: {UNPACK}", file=where)
    try:
        return archive.read(info)
    except NotImplementedError as error:
        raise InputError(f"is packed in an unusual way ({error}): {UNPACK}", file=where) from None
    except BROKEN as error:
        problem = f"is broken in its archive: {AGAIN} ({one_line(error)})"
        raise InputError(problem, file=where) from None


# --- folder files ---------------------------------------------------------------------------------

# What else lies beside data: how such files end, and what they are called without an ending.
ENDINGS = """
    dvc lock md rst log html htm css pdf doc docx ppt pptx
    png jpg jpeg gif svg webp bmp ico tif tiff heic mp3 mp4 wav mov
    py ipynb js ts sh bat sql r toml ini cfg
"""
YAML = (".yml", ".yaml")  # data where a folder holds no other, else settings
NAMES = "license licence notice authors changelog makefile dockerfile"


def files_of(path: Path) -> list[Path]:
    """A file, or a folder's files of data, in the order of their names.

    Raises InputError for a folder without any.
    """
    files = data_in(path)
    if not files:
        raise InputError(
            "is a folder without CSV, JSON, JSON Lines, YAML, XLSX or Parquet", file=path
        )
    return files


def left_aside(path: Path) -> list[Path]:
    """The other files of a folder, for whoever knows better; none of what is hidden."""
    data = data_in(path)
    return [file for file in files_in(path) if file not in data]


def data_in(path: Path) -> list[Path]:
    return without_settings([f for f in files_in(path) if f == path or is_data(f)])


def without_settings(files: list[Path]) -> list[Path]:
    """The files without YAML, where there are others too."""
    return [f for f in files if f.suffix.casefold() not in YAML] or files


def files_in(path: Path) -> list[Path]:
    with readable(path):
        if not path.is_dir():
            return [path]
        return sorted(
            file for file in path.rglob("*") if file.is_file() and is_seen(file.relative_to(path))
        )


def is_seen(inside: Path) -> bool:
    """Whether a path in a folder is neither hidden nor what a program keeps beside the files."""
    return not any(part.startswith((".", "~$", "__MACOSX")) for part in inside.parts)


def is_data(file: Path) -> bool:
    name, ending = file.name.casefold(), file.suffix.casefold().removeprefix(".")
    return not (name.startswith("readme") or name in NAMES.split() or ending in ENDINGS.split())
