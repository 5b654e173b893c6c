"""The records of an export: JSON in a list, JSON Lines, or Parquet; of a file, or of a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.table_rows import name_of, numbered
from curation.sources.tables.archives import read_bytes
from curation.sources.tables.encodings.decoding import decode
from curation.sources.tables.file_bytes import PARQUET
from curation.sources.tables.folder_files import files_of
from curation.sources.tables.json_lines import is_object, read_json_lines
from curation.sources.tables.json_table import first_lines, is_json, read_json
from curation.sources.tables.long_records import LONGEST_LINE
from curation.sources.tables.parquet_table import read_parquet
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import TextFile

Fields = dict[str, Any]


@dataclass(frozen=True)
class ExportOptions:
    """How an export is read: what is what in it, and how its file is."""

    fields: ExportFields
    skip: bool = False  # what is no record is left out and counted
    encoding: str | None = None  # None: told by its bytes


@dataclass(frozen=True)
class ExportRecord:
    """A record of an export; without fields, it could not be read."""

    path: Path
    line: int
    fields: Fields | None

    @property
    def file(self) -> str:
        return name_of(self.path)


def read_records(path: Path, options: ExportOptions) -> list[ExportRecord]:
    """Of a file, or of all files of data in a folder, in the order of their names.

    Raises InputError for what is neither JSON nor Parquet, and where the options say so for what
    is no record.
    """
    return [record for file in files_of(path) for record in records_of(file, options)]


def records_of(file: Path, options: ExportOptions) -> Iterator[ExportRecord]:
    table = read_table(file, skip=options.skip, encoding=options.encoding)
    found = [(row.line, ExportRecord(file, row.line, row.fields)) for row in numbered(table.rows)]
    lost = [(one.line, ExportRecord(file, one.line, None)) for one in table.unreadable]
    yield from (record for _, record in sorted([*found, *lost], key=lambda pair: pair[0]))


def read_table(file: Path, *, skip: bool, encoding: str | None) -> Table:
    """As any table, but that a line with one object is a record: an option list in it is none."""
    data = read_bytes(file)
    if data.startswith(PARQUET):
        return read_parquet(data, file)
    source = decode(data, file, encoding)
    if is_object(first_lines(source.text)[0]):
        return read_json_lines(source, skip=skip)
    refuse_other(source)
    return read_json(source, skip=skip)


def lone_record(file: Path, encoding: str | None) -> Fields | None:
    """The one object that is all of a file, if its line can be a record. Raises InputError."""
    data = read_bytes(file)
    if data.startswith(PARQUET) or len(data) > LONGEST_LINE:
        return None
    source = decode(data, file, encoding)
    first, second = first_lines(source.text)
    if second or not is_object(first):
        return None
    rows = read_json_lines(source, skip=True).rows
    return rows[0].fields if rows else None


def refuse_other(source: TextFile) -> None:
    if not is_json(source.text):
        source.refuse("is no export: it is neither JSON nor Parquet")
