"""The records of anybody's files as a check wants them: what is wrong with one is no error yet."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from curation.sources.columns.column_guess import guess
from curation.sources.columns.column_words import Guess
from curation.sources.exports.export_records import SourceFile
from curation.sources.exports.good_or_bad import OptionsMissingError
from curation.sources.row_formats import Made, Read, read_row
from curation.sources.source_file import TRAFFIC, guess_format, read_source_file
from curation.sources.table_rows import rows_of_table
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import Table, TableRow
from incumbent.init.own_sources import HowRead, unread_files
from project.errors import InputError
from project.records.data import Document, Origin, Row

Kind = Literal["sft", "preference", "texts"]
# Which names a record has, of each shape that curation/sources/row_formats.py reads as it is.
SHAPES = ({"prompt", "completion"}, {"instruction", "output"}, {"messages"})
TEXTS = ("prompt", "completion", "instruction", "input", "output")
KNOWN = {*Row.model_fields, *TEXTS, "messages"}
TABLES = ("rows", "table")
PLAIN = ("texts", "documents")  # which are a table where somebody names columns


class Lost(NamedTuple):
    """A record of which nothing was made."""

    line: str  # FILE:LINE
    why: str


@dataclass
class OwnRecords:
    """What was made of the records of files, each under an id of its own where it had none."""

    made: list[Made] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    lines: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lost: list[Lost] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    guesses: list[Guess] = field(default_factory=list)  # of tables, what their columns are
    formats: dict[Path, str] = field(default_factory=dict)  # of what is no table
    aside: list[Path] = field(default_factory=list)  # files of folders that are not read

    @property
    def kind(self) -> Kind:
        """The kind of its first record."""
        return kind_of(self.made[0])

    def by_kind(self) -> "list[OwnRecords]":
        """The records by their kind; what was lost or not read is told with the first ones."""
        parts: dict[Kind, OwnRecords] = {}
        for made, name in zip(self.made, self.ids, strict=True):
            part = parts.setdefault(kind_of(made), OwnRecords(lines=self.lines))
            part.made.append(made)
            part.ids.append(name)
        first, *_ = parts.values()
        first.lost, first.aside = self.lost, self.aside
        return list(parts.values())


def kind_of(made: Made) -> Kind:
    if isinstance(made, Row):
        return "sft"
    return "texts" if isinstance(made, Document) else "preference"


def read_own(paths: Sequence[Path], how: HowRead) -> OwnRecords:
    """All files as one dataset. Raises InputError for what cannot be read, with its line."""
    records = OwnRecords()
    for path in paths:
        for read, own_id in records_of(path, how, records):
            add(records, read, own_id, path)
    if not records.made:
        why = f", such as {records.lost[0].line}: {records.lost[0].why}" if records.lost else ""
        raise InputError(f"holds no rows{why}", file=paths[0])
    return records


def add(records: OwnRecords, read: Read, own_id: bool, path: Path) -> None:
    line = f"{path if path.is_file() else path / read.origin.file}:{read.origin.line}"
    if read.made is None:
        records.lost.append(Lost(line, read.origin.why or "no row"))
        return
    name, number = read.made.id, 1
    while not own_id and name in records.lines:  # rows without an id that say the same
        number += 1
        name = f"{read.made.id}-{number}"
    records.made.append(read.made)
    records.ids.append(name)
    records.lines[name].append(line)


def records_of(path: Path, how: HowRead, records: OwnRecords) -> Iterator[tuple[Read, bool]]:
    """What became of each record, and whether its id is its own; adds how the file was read."""
    form = guess_format(path, how.encoding)
    if form == TRAFFIC:
        problem = "is a traffic log, of which nothing is learnt before a person accepts it"
        raise InputError(f"{problem}: `incumbent data import` makes queues of it", file=path)
    records.aside += unread_files(path, form)
    if form not in TABLES and not (form in PLAIN and how.columns):
        records.formats[path] = form
        yield from ((read, False) for read in read_other(path, form, how))
        return
    tables = read_tables(path, skip=how.skip, encoding=how.encoding)
    records.tables += tables
    if not how.columns and all(map(is_shaped, tables)):
        yield from (shaped(row, table) for table in tables for row in table.rows)
        yield from ((lost, False) for table in tables for lost in unreadable(table))
        return
    guessed = guess(tables, how)
    records.guesses.append(guessed)
    yield from ((read, False) for table in tables for read in rows_of_table(table, guessed.columns))


def read_other(path: Path, form: str, how: HowRead) -> Iterator[Read]:
    """Records of what is no table. Raises InputError, also where a check lacks options for it."""
    source = SourceFile(path, form, export=how.export, skip=how.skip, encoding=how.encoding)
    try:
        yield from read_source_file(source)
    except OptionsMissingError as error:
        raise InputError(f"{error}\nthen check the file that it writes") from None


def is_shaped(table: Table) -> bool:
    return table.format in ("json", "json lines") and all(
        any(names <= row.fields.keys() for names in SHAPES) for row in table.rows
    )


def shaped(record: TableRow, table: Table) -> tuple[Read, bool]:
    """A row as it stands there: an answer that is missing is an empty one."""
    fields = {name: value for name, value in record.fields.items() if name in KNOWN}
    fields |= {name: "" for name in TEXTS if name in fields and fields[name] is None}
    fields["slices"] = slices(fields.get("slices"))
    name = fields.pop("id", None)
    has_id = isinstance(name, str | int) and str(name) != ""
    if has_id:
        fields["id"] = str(name)
    row = read_row(json.dumps(fields).encode(), table.path, record.line)
    return Read(Origin(file=table.path.name, line=record.line, row=row.id), row), has_id


def slices(value: Any) -> dict[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in pairs if isinstance(text, str)}


def unreadable(table: Table) -> Iterator[Read]:
    for record in table.unreadable:
        yield Read(Origin(file=table.path.name, line=record.line, why=f"unreadable: {record.why}"))
