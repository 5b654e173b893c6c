"""Records taken out of the files that people keep; what stays of a file keeps its bytes."""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.sources.tables.csv_dialect import find_dialect
from curation.sources.tables.csv_records import Broken, OpenQuoteError, read_records
from curation.sources.tables.encodings.decoding import decode
from project.errors import InputError
from project.files import write_bytes

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
Meant = Callable[[Any], bool]  # of a record, as JSON has it


@dataclass(frozen=True)
class Cut:
    """A file without some of its records."""

    path: Path
    records: tuple[Any, ...]  # that go
    left: bytes

    def apply(self) -> None:
        write_bytes(self.path, self.left)


class ByHandError(Exception):
    """A file that tells of somebody and cannot be cut: a person has to."""


def cut(path: Path, meant: Meant) -> Cut | None:
    """A file without the records that are meant; None where it has none.

    Raises ByHandError where what is meant stands in a file that has no records.
    """
    data = path.read_bytes()
    read = FORMATS.get(path.suffix.lower())
    try:
        found = read(data, path, meant) if read else None
    except (InputError, OpenQuoteError, ValueError, RecursionError):
        found = None
    if found is None:
        if meant(data.decode(errors="ignore")):
            raise ByHandError
        return None
    gone, left = found
    return Cut(path, tuple(gone), left) if gone else None


Found = tuple[list[Any], bytes]  # the records that go, and what is left of the file


def cut_json_lines(data: bytes, path: Path, meant: Meant) -> Found:
    lines = [(line, record_of(line)) for line in data.split(b"\n")]
    gone = [record for _, record in lines if meant(record)]
    return gone, b"\n".join(line for line, record in lines if not meant(record))


def record_of(line: bytes) -> Any:
    """What a line holds; its text, where that is no JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line.decode(errors="replace")


def cut_json(data: bytes, path: Path, meant: Meant) -> Found | None:
    """Of a list, or of an object that holds one; a file of JSON Lines under another name too."""
    try:
        value = json.loads(data)
    except json.JSONDecodeError:
        return cut_json_lines(data, path, meant)
    records = next((part for part in holders(value)), None)
    if records is None:
        return None
    gone = [record for record in records if meant(record)]
    records[:] = [record for record in records if not meant(record)]
    return gone, json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def holders(value: Any) -> Iterator[list[Any]]:
    """The lists of objects that a file may hold its records in."""
    parts = [value, *value.values()] if isinstance(value, dict) else [value]
    for part in parts:
        if isinstance(part, list) and any(isinstance(item, dict) for item in part):
            yield part


def cut_csv(data: bytes, path: Path, meant: Meant) -> Found | None:
    """By lines: a record goes with all of its own."""
    ends = LINE.findall(data)
    lines = list(io.StringIO(decode(data, path).text, newline=""))
    if len(ends) != len(lines):  # an encoding of two bytes a character
        return None
    dialect = find_dialect(lines)
    records = [(n, fields) for n, fields in read_records(lines, dialect)]
    starts = [*(number for number, _ in records[1:]), len(lines) + 1]
    gone, drop = [], set[int]()
    for (first, fields), after in zip(records, starts, strict=True):
        known = fields.why if isinstance(fields, Broken) else fields
        if first != records[0][0] and meant(known):
            gone.append(known)
            drop.update(range(first, after))
    return gone, b"".join(line for n, line in enumerate(ends, start=1) if n not in drop)


def cut_parquet(data: bytes, path: Path, meant: Meant) -> Found:
    # Imported here because few projects have such files.
    import pyarrow as pa
    import pyarrow.parquet as parquet

    table = parquet.read_table(io.BytesIO(data))
    records = table.to_pylist()
    kept = [not meant(record) for record in records]
    buffer = io.BytesIO()
    parquet.write_table(table.filter(pa.array(kept)), buffer)
    gone = [record for record, stays in zip(records, kept, strict=True) if not stays]
    return gone, buffer.getvalue()


FORMATS: dict[str, Callable[[bytes, Path, Meant], Found | None]] = {
    ".jsonl": cut_json_lines,
    ".ndjson": cut_json_lines,
    ".json": cut_json,
    ".csv": cut_csv,
    ".tsv": cut_csv,
    ".parquet": cut_parquet,
}
