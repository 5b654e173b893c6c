"""The records of an export: JSON in a list, JSON Lines, Parquet or CSV; of a file, or a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.curation_settings import Columns, ExportFields
from curation.sources.chat_shapes import RoleNames, with_roles
from curation.sources.table_rows import name_of, numbered
from curation.sources.tables.decoding import decode
from curation.sources.tables.json_table import first_lines, is_object, read_json_lines
from curation.sources.tables.read_table import tables_in
from curation.sources.tables.table import Table
from curation.sources.tables.unpacked_file import LONGEST_LINE, PARQUET, ZIP, files_of, files_read
from project.errors import InputError

Fields = dict[str, Any]

NO_EXPORT = "is no export: it is neither JSON nor Parquet"


@dataclass(frozen=True)
class SourceFile:
    """Where a file lies, and how it is read."""

    path: Path
    format: str  # a Format
    columns: Columns | None = None
    export: ExportFields = field(default_factory=ExportFields)
    skip: bool = False  # what is no record is left out and counted
    encoding: str | None = None  # None: told by its bytes
    answers_as_rows: bool = False  # of pairs and ratings: good answers are rows too
    roles: RoleNames = field(default_factory=dict)  # of conversations, who speaks by which name
    # What files of an export are called in what is made of them, where it is not as name_of says.
    names: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExportRecord:
    """A record of an export; without fields, it could not be read."""

    path: Path
    line: int
    fields: Fields | None
    file: str  # what its file is called in what is made of it


@dataclass(frozen=True)
class Export:
    """All records of an export, in their order, and how its files were read."""

    path: Path
    records: Sequence[ExportRecord]
    tables: Sequence[Table]

    @property
    def readable(self) -> list[Fields]:
        return [record.fields for record in self.records if record.fields is not None]

    @property
    def notes(self) -> list[str]:
        """What its owner should know of the files, such as the encoding they were read in."""
        return [f"{table.path}: {note}" for table in self.tables for note in table.notes]

    def refuse_csv(self) -> None:
        """Raise InputError where a file is CSV, in which this tool exports nothing."""
        for table in self.tables:
            if table.format == "csv":
                raise InputError(NO_EXPORT, file=table.path)


def read_export(source: SourceFile) -> Export:
    """Of a file, or of all files of data in a folder, in the order of their names.

    Raises InputError for what is no table, and unless the options say otherwise for what is no
    record.
    """
    tables = [table for file in files_of(source.path) for table in tables_of(file, source)]
    records = [record for table in tables for record in records_of(table, source)]
    return Export(source.path, records, tables)


def records_of(table: Table, source: SourceFile) -> Iterator[ExportRecord]:
    file, name = table.path, source.names.get(table.path) or name_of(table.path)
    records = [(row.line, with_roles(row.fields, source.roles)) for row in numbered(table.rows)]
    lost = [(row.line, None) for row in table.unreadable]
    for line, fields in sorted([*records, *lost], key=lambda pair: pair[0]):
        yield ExportRecord(file, line, fields, name)


def tables_of(file: Path, source: SourceFile) -> list[Table]:
    """Those of a file, or of the files in an archive. As any table, but that a line with one object
    is a record: an option list in it is none.
    """
    tables: list[Table] = []
    for held in files_read(file):
        is_text = not held.data.startswith((PARQUET, *ZIP))
        text = decode(held.data, held.path, source.encoding) if is_text else None
        if text and is_object(first_lines(text.text)[0]):
            tables.append(read_json_lines(text, skip=source.skip))
        else:
            tables += tables_in(held, skip=source.skip, encoding=source.encoding)
            # Any text passes for a table of one column.
            table = tables[-1]
            if table.format == "csv" and len(table.columns) < 2:
                raise InputError(NO_EXPORT, file=table.path)
    return tables


def lone_record(file: Path, encoding: str | None) -> Fields | None:
    """The one object that is all of a file, if its line can be a record. Raises InputError."""
    data = files_read(file)[0].data
    if data.startswith((PARQUET, *ZIP)) or len(data) > LONGEST_LINE:
        return None
    source = decode(data, file, encoding)
    first, second = first_lines(source.text)
    if second or not is_object(first):
        return None
    rows = read_json_lines(source, skip=True).rows
    return rows[0].fields if rows else None
