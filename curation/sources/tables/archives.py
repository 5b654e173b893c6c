"""The files in a file: of a ZIP archive those with data, else the file itself."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from curation.sources.tables.table import shortened
from curation.sources.tables.unpacked_file import (
    AGAIN,
    AS_CSV,
    UNPACK,
    ZIP,
    FileBytes,
    contents,
    plain,
    readable,
    refuse_inflated,
)
from project.errors import InputError
from project.untrusted_input import one_line

MOST = 10_000  # files in an archive
ENCRYPTED = 0x1  # a flag of the format
DRIVE = re.compile(r"[A-Za-z]:")
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError)
WORKBOOK = "xl/workbook.xml"  # what makes an archive an XLSX file
# What else an archive is that holds a part of such a name.
OTHERS = {
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
        if is_workbook(archive):
            return [FileBytes(path, data)]
        return list(unzipped(archive, path))


def open_zip(data: bytes, path: Path) -> zipfile.ZipFile:
    """Raises InputError."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except BROKEN as error:
        problem = f"is a broken ZIP archive: {AGAIN} ({one_line(error)})"
        raise InputError(problem, file=path) from None


def is_workbook(archive: zipfile.ZipFile) -> bool:
    return WORKBOOK in archive.namelist()


def unzipped(archive: zipfile.ZipFile, path: Path) -> Iterator[FileBytes]:
    """Its files of data; raises InputError where it has none."""
    names = archive.namelist()
    for part, what in OTHERS.items():
        if any(name.startswith(part) for name in names):
            raise InputError(what, file=path)
    if len(names) > MOST:
        raise InputError(f"holds {len(names):,} files: at most {MOST:,} are read", file=path)
    for name in names:
        refuse_outside(name, path)
    inside = [Path(name) for name in names if not name.endswith("/") and is_of_data(name)]
    chosen = set(without_settings(inside))
    found = [one for one in archive.infolist() if Path(one.filename) in chosen]
    if not found:
        problem = "is a ZIP archive without CSV, JSON, JSON Lines, Parquet or XLSX"
        raise InputError(f"{problem}: {UNPACK}, and name what is in it", file=path)
    refuse_inflated(sum(one.file_size for one in found), path)
    for info in sorted(found, key=lambda one: one.filename):
        where = path / info.filename
        data = member(archive, info, where)
        if data.startswith(ZIP):
            # An archive in an archive is read if it is a workbook.
            with open_zip(data, where) as inner:
                if not is_workbook(inner):
                    raise InputError(f"is an archive in an archive: {UNPACK}", file=where)
        yield FileBytes(where, plain(data, where))


def refuse_outside(name: str, path: Path) -> None:
    """Raise InputError for a name that leads out of the folder that the archive is unpacked in."""
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or DRIVE.match(name):
        problem = f"holds {shortened(name)}, a path that leads out of it: nothing of it is read"
        raise InputError(problem, file=path)


def is_of_data(name: str) -> bool:
    inside = Path(name)
    return "__MACOSX" not in inside.parts and is_seen(inside) and is_data(inside)


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: Path) -> bytes:
    """The bytes of a file in the archive: no more than it says. Raises InputError."""
    if info.flag_bits & ENCRYPTED:
        raise InputError(f"is encrypted in its archive: {UNPACK}", file=where)
    try:
        return archive.read(info)
    except NotImplementedError as error:
        raise InputError(f"is packed in an unusual way ({error}): {UNPACK}", file=where) from None
    except BROKEN as error:
        problem = f"is broken in its archive: {AGAIN} ({one_line(error)})"
        raise InputError(problem, file=where) from None


# --- folder files ---------------------------------------------------------------------------------

# Which files of a folder are data: all but those whose names say that they are something else.

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
    """Whether a path in a folder is neither hidden nor what an office program keeps beside an open
    file.
    """
    return not any(part.startswith((".", "~$")) for part in inside.parts)


def is_data(file: Path) -> bool:
    name, ending = file.name.casefold(), file.suffix.casefold().removeprefix(".")
    return not (name.startswith("readme") or name in NAMES.split() or ending in ENDINGS.split())
