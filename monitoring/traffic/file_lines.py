"""Files of traffic line by line, in bounded memory: JSON Lines, JSON and Parquet, maybe packed."""

import gzip
import json
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import pyarrow as pa
from pyarrow.parquet import ParquetFile
from pydantic_core import to_json

from monitoring.traffic import langfuse, litellm, open_telemetry, own_rows
from monitoring.traffic.chat import Fields
from monitoring.traffic.late_feedback import PREFIX

BATCH = 1_000  # rows
LONGEST = 1 << 20  # bytes of a line; with BATCH it bounds the memory
# Of a line of OpenTelemetry, which has many spans; and of a file that is one value of JSON.
MOST_SPANS, MOST_JSON = 16 << 20, 64 << 20
SPANS = b'{"resourceSpans"'
# What a packed file may unpack to, by its size: logs are 10 to 50 times as long, a bomb 1,000.
MOST_UNPACKED, ALWAYS_UNPACKED = 300, 64 << 20
LISTS = ("data", "observations", "traces", "rows", "items", "logs")  # that exports hold records in
BROKEN = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class LogFormat:
    """A tool's log. Its functions raise UnfitError for what is no request with its answer."""

    name: str
    recognises: Callable[[Fields], bool]
    parts_of: Callable[[Fields], list[Fields]]  # each of which should be a row
    row_of: Callable[[Fields], Fields]  # with the fields of traffic
    fields: tuple[str, ...]  # of a record, that are looked at


LOG_FORMATS = tuple(
    LogFormat(module.NAME, module.recognises, module.parts_of, module.row_of, module.FIELDS)
    for module in (open_telemetry, litellm, langfuse, own_rows)
)
FIELDS = frozenset(name for log_format in LOG_FORMATS for name in log_format.fields)


class RawLine(NamedTuple):
    number: int | None
    json: bytes
    problem: str | None = None  # what is known to be wrong with it before it is parsed
    offset: int = 0  # bytes before it, in a file of lines


class Unpacked:
    """A packed file as a stream of lines. Raises OSError where it unpacks to far too much."""

    def __init__(self, path: Path) -> None:
        self.most = ALWAYS_UNPACKED + MOST_UNPACKED * path.stat().st_size
        # Closed by __exit__.
        self.stream = gzip.open(path)  # noqa: SIM115

    def readline(self, size: int) -> bytes:
        if self.stream.tell() > self.most:
            raise OSError(f"unpacks to over {self.most >> 20} MiB")
        return self.stream.readline(size)

    def read(self, size: int) -> bytes:
        return self.stream.read(min(size, self.most))

    def tell(self) -> int:
        return self.stream.tell()

    def seek(self, offset: int) -> int:
        return self.stream.seek(offset)

    def __enter__(self) -> "Unpacked":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()


def open_traffic_file(path: Path) -> BinaryIO:
    return cast(BinaryIO, Unpacked(path)) if path.suffix == ".gz" else path.open("rb")


def json_lines(path: Path, offset: int = 0, number: int = 0) -> Iterator[RawLine]:
    """The lines from an offset on, before which there are so many."""
    try:
        with open_traffic_file(path) as stream:
            stream.seek(offset)
            while data := stream.readline(LONGEST):
                number += 1
                data = data.removeprefix(BOM_UTF8)  # also where files were put behind each other
                if data.startswith(SPANS) and not data.endswith(b"\n"):
                    data += stream.readline(MOST_SPANS)
                if len(data) >= LONGEST and not data.endswith(b"\n"):
                    while (rest := stream.readline(LONGEST)) and not rest.endswith(b"\n"):
                        pass
                    yield RawLine(number, data[:LONGEST], "too long")
                elif not data.isspace():
                    yield RawLine(number, data, offset=offset)
                offset = stream.tell()
    except BROKEN as error:
        yield RawLine(None, str(error).encode(), "unreadable file")


def json_file(path: Path) -> Iterator[RawLine]:
    """The records of a list, or of an export that is one object; lines, if it is JSON Lines."""
    try:
        with open_traffic_file(path) as stream:
            data = stream.read(MOST_JSON + 1)
        if len(data) > MOST_JSON:
            yield RawLine(None, b"write it as JSON Lines", "file too long")
            return
        value = json.loads(data)
    except BROKEN as error:
        yield RawLine(None, str(error).encode(), "unreadable file")
    except (ValueError, RecursionError):  # among them what is no UTF-8
        yield from json_lines(path)
    else:
        for number, record in enumerate(records_of(value), start=1):
            data = json.dumps(record, ensure_ascii=False).encode(errors="surrogatepass")
            yield RawLine(number, data, "too long" if len(data) > MOST_SPANS else None)


def records_of(value: Any) -> list[Any]:
    """The records of an API's page are those in its list; a trace with observations is one."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and "id" not in value:
        for name in LISTS:
            if isinstance(records := value.get(name), list):
                return records
    return [value]


def parquet_rows(path: Path) -> Iterator[RawLine]:
    """Each row as a JSON line, so that one parser judges them all: a timestamp with a time zone is
    RFC 3339 then, and one without is none. Columns that no format has are not read.
    """
    number = 0
    try:
        with ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in FIELDS]
            for batch in file.iter_batches(batch_size=BATCH, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield parquet_row(number, row)
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        yield RawLine(None, f"after row {number}: {error}".encode(), "unreadable file")


def parquet_row(number: int, row: dict[str, Any]) -> RawLine:
    try:
        return RawLine(number, to_json(row, fallback=str))
    except ValueError:  # bytes, where a text should be
        return RawLine(number, to_json(row, fallback=str, bytes_mode="base64"), "not UTF-8")


READERS: dict[str, Callable[[Path], Iterator[RawLine]]] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_file,
    ".parquet": parquet_rows,
}
PACKED = tuple(f"{ending}.gz" for ending in READERS if ending != ".parquet")
ENDINGS = (*READERS, *PACKED)


def lines_of(path: Path) -> Iterator[RawLine]:
    """The lines of a file whose name has one of ENDINGS."""
    name = path.name.removesuffix(".gz")
    return READERS[Path(name).suffix](path)


# --- day files ------------------------------------------------------------------------------------

# Which files hold a day's traffic, and which ones lie there that nothing reads.

DAY = len("2026-11-24")
SHADOW = "shadow"  # a folder beside the days, with days of its own: answers that no user got
# And Spark's, and that of a disk.
OURS = ("README", "LICENSE", "_SUCCESS", "_metadata", "_common_metadata", "lost+found")
NO_FORMAT, NO_DAY = "no format that is read", "no day in the file's name"
NO_FOLDER_DAY = "no day in the folder's name"


def day_named(name: str) -> date | None:
    """The day of a folder: 20261124 is a date too, and no partition's name."""
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return None
    return day if name == str(day) else None


def day_beside(name: str) -> date | None:
    """The day of a file beside the folders: `2026-11-24.jsonl`, `2026-11-24-app.jsonl.gz`."""
    return day_named(name[:DAY]) if name[DAY : DAY + 1] in (".", "-", "_", "T") else None


def is_traffic_file(name: str) -> bool:
    return name.endswith(ENDINGS) and name[0] != "."


def is_feedback(path: Path) -> bool:
    lines = path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    return path.name.startswith(PREFIX) and lines


def is_foreign(name: str) -> bool:
    """Whether it may be somebody's log all the same."""
    return not name.startswith((".", *OURS)) and not is_traffic_file(name)


def files_of(root: Path, day: date) -> list[Path]:
    """Those in the day's folder, then those beside it."""
    paths = [path for path in sorted_entries(root / str(day)) if is_traffic_file(path.name)]
    paths += (
        p for p in sorted_entries(root) if day_beside(p.name) == day and is_traffic_file(p.name)
    )
    return [path for path in paths if path.is_file()]


def days_beside(root: Path) -> Iterator[date]:
    for path in sorted_entries(root):
        if (day := day_beside(path.name)) and is_traffic_file(path.name):
            yield day


def unread(
    day: date, inside: Iterable[str], beside: Iterable[str], folders: Iterable[str]
) -> list[tuple[str, str]]:
    """Names that nothing reads, in the day's folder, beside all folders or of these, with the
    reason.
    """
    names = [(name, NO_FORMAT) for name in inside if is_foreign(name)]
    for name in beside:
        file_day = day_beside(name)
        if is_foreign(name) and file_day in (day, None):
            names.append((name, NO_FORMAT))
        elif is_traffic_file(name) and file_day is None:
            names.append((name, NO_DAY))
    for name in folders:
        ours = name == SHADOW or name.startswith((".", *OURS)) or day_named(name)
        if not ours and day_beside(name) in (day, None):
            names.append((f"{name}/", NO_FOLDER_DAY))
    return names


def sorted_entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def recognised(data: bytes) -> tuple[LogFormat, Fields] | None:
    """Whose record a line is, and the record; None where no tool is known to write such ones."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    log_format = next((log for log in LOG_FORMATS if log.recognises(record)), None)
    return (log_format, record) if log_format else None
