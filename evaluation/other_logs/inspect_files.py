"""Files of inspect_ai: .eval, a zip whose members may be compressed with zstd, and .json."""

import io
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.other_logs.json_files import parsed, read_json
from project.errors import InputError
from project.untrusted_input import one_line

ZSTD = 93  # the zip format's number for it, which Python's zipfile knows from 3.14 on
ENCRYPTED = 1  # a bit of a member's flags
DAMAGE = (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError, zlib.error)
LOCAL_HEADER = 30  # bytes, before a member's name and extra field
MIB = 1 << 20
LARGEST_INFLATED = 2048 * MIB  # of all members that are read: a small file can inflate without end
WRITTEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, ZSTD)  # how inspect compresses
HEADERS = ("header.json", "_journal/start.json")  # the second alone where a run was killed


def read_file(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The header and the samples of a log. Raises InputError."""
    if not zipfile.is_zipfile(path):
        log = read_json(path)
        if not is_log(log):
            raise InputError("is no log of inspect", file=path)
        return log, log.get("samples") or []
    found = [(name, parsed(data, Path(f"{path}/{name}"))) for name, data in members(path)]
    header = header_among(found)
    if header is None:
        raise InputError("is no log of inspect", file=path)
    return header, [value for name, value in found if name not in HEADERS]


def read_header(path: Path) -> dict[str, Any] | None:
    """The header of a log; None for a file that is none."""
    try:
        if not zipfile.is_zipfile(path):
            log = read_json(path)
            return log if is_log(log) else None
        return header_among((name, parsed(data, path)) for name, data in members(path, HEADERS))
    except InputError:
        return None


def header_among(found: Iterable[tuple[str, Any]]) -> dict[str, Any] | None:
    """What the run's end wrote, else what its start did."""
    headers = {name: value for name, value in found if name in HEADERS and is_log(value)}
    return next((headers[name] for name in HEADERS if name in headers), None)


def is_log(value: Any) -> bool:
    """Whether it has what every log of inspect has: {"version", "eval": {"task", …}, …}."""
    run = value.get("eval") if isinstance(value, dict) else None
    return isinstance(run, dict) and "task" in run


def members(
    path: Path, wanted: Iterable[str] = (*HEADERS, "samples/")
) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each member whose name starts so. Raises InputError."""
    starts = tuple(wanted)
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = [one for one in archive.infolist() if one.filename.startswith(starts)]
            refuse_unreadable(chosen, path)
            for info in chosen:
                yield info.filename, content(archive, info, path)
    except DAMAGE as error:
        raise InputError(f"is damaged: {one_line(error)}", file=path) from None


def refuse_unreadable(chosen: Sequence[zipfile.ZipInfo], path: Path) -> None:
    """Raise InputError for what inspect does not write, and for more than can be read."""
    if any(info.flag_bits & ENCRYPTED for info in chosen):
        raise InputError("is encrypted: write it anew without a password", file=path)
    if any(info.compress_type not in WRITTEN for info in chosen):
        raise InputError("is compressed as inspect never does: write it anew", file=path)
    whole = sum(info.file_size for info in chosen)
    if whole > LARGEST_INFLATED:
        problem = f"inflates to {whole / MIB:,.0f} MiB, and at most {LARGEST_INFLATED // MIB:,}"
        raise InputError(f"{problem} MiB are read: give a log of fewer samples", file=path)


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> bytes:
    if info.compress_type != ZSTD or sys.version_info >= (3, 14):
        with archive.open(info) as stream:  # never more than the size that was added up
            return stream.read(info.file_size)
    data = decompressed(packed(path, info), info.file_size)
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"{info.filename} is not what was written")
    return data


def packed(path: Path, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes as they lie in the archive, which zipfile does not hand out."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset)
        header = stream.read(LOCAL_HEADER)
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        stream.seek(info.header_offset + LOCAL_HEADER + name + extra)
        return stream.read(info.compress_size)


def decompressed(data: bytes, size: int) -> bytes:
    """At most one byte more than `size`. Raises BadZipFile."""
    import zstandard  # Imported here because an extra brings it, and few need it.

    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    try:
        return reader.read(size + 1)
    except zstandard.ZstdError as error:
        raise zipfile.BadZipFile(str(error)) from None
