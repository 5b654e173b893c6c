"""A file, or a folder of files, read by its format: rows, preferences or documents."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from curation.curation_settings import Columns, ExportFields, FileSource
from curation.faults.missing_answers import is_more_than_placeholder
from curation.sources.chats.chat_shapes import RoleNames
from curation.sources.chats.transcripts import read_transcripts
from curation.sources.documents.passages import LONGEST, passages, text_blocks
from curation.sources.documents.read_documents import read_documents
from curation.sources.exports.export_formats import EXPORTS, ExportFormat
from curation.sources.exports.export_records import ExportOptions
from curation.sources.row_formats import Read, numbered_rows, readable_rows, row_of
from curation.sources.table_rows import (
    NO_TEXT,
    UNREADABLE,
    as_text,
    name_of,
    numbered,
    rows_of_table,
)
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import TableRow, find_column
from project.records.data import Document, Origin


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

    @classmethod
    def of(cls, source: FileSource) -> "SourceFile":
        return cls(
            path=source.path,
            format=source.read_as,
            columns=source.columns,
            export=source.export,
            skip=source.unreadable == "skip",
            encoding=source.encoding,
            answers_as_rows=source.answers_as_rows,
        )

    @property
    def options(self) -> ExportOptions:
        return ExportOptions(self.export, self.skip, self.encoding, self.names, self.roles)


def read_source_file(file: SourceFile) -> Iterator[Read]:
    """Every record, in its order, with what was made of it. Raises InputError with the place."""
    return READERS[file.format](file)


def rows(file: SourceFile) -> Iterator[Read]:
    numbered = readable_rows if file.skip else numbered_rows
    for number, row in numbered(file.path, encoding=file.encoding):
        origin = Origin(file=file.path.name, line=number)
        why = {"row": row.id} if row else {"why": UNREADABLE}
        yield Read(origin.model_copy(update=why), row)


def table_rows(file: SourceFile) -> Iterator[Read]:
    assert file.columns, "a table has named columns"
    for table in read_tables(file.path, skip=file.skip, encoding=file.encoding):
        yield from rows_of_table(table, file.columns)


def transcripts(file: SourceFile) -> Iterator[Read]:
    yield from read_transcripts(file.path, file.columns, encoding=file.encoding, roles=file.roles)


def documents(file: SourceFile) -> Iterator[Read]:
    yield from read_documents(file.path, encoding=file.encoding, skip=file.skip)


def texts(file: SourceFile) -> Iterator[Read]:
    for table in read_tables(file.path, skip=file.skip, encoding=file.encoding):
        column, name = find_column(table, TEXT), name_of(table.path)
        lost = [Read(Origin(file=name, line=one.line, why=UNREADABLE)) for one in table.unreadable]
        made = [
            read for record in numbered(table.rows) for read in documents_of(record, column, name)
        ]
        yield from sorted([*lost, *made], key=lambda read: read.origin.line)


def export(form: ExportFormat, file: SourceFile) -> Iterator[Read]:
    for read in form.read(file.path, file.options):
        yield read
        if file.answers_as_rows and (row := row_of(read.made)):
            yield Read(read.origin.model_copy(update={"row": row.id}), row)


READERS: Mapping[str, Callable[[SourceFile], Iterator[Read]]] = {
    "rows": rows,
    "table": table_rows,
    "transcripts": transcripts,
    "documents": documents,
    "texts": texts,
    **{name: partial(export, form) for name, form in EXPORTS.items()},
}


# --- text table -----------------------------------------------------------------------------------

# Documents out of a table: the texts of its column `text`, long ones as passages.

TEXT = "text"


def documents_of(record: TableRow, column: str, file: str) -> Iterator[Read]:
    """The passages of its text. Id and source are the record's own, where it has them as texts."""
    text = as_text(record.fields.get(column))
    if text is None or not is_more_than_placeholder(text):
        why = NO_TEXT if text is None else "without a text"
        yield Read(Origin(file=file, line=record.line, why=why))
        return
    source, name = own(record.fields, "source") or file, own(record.fields, "id")
    # An id that is made of the text is that of a passage which an import has cut already.
    cut = [text] if name == Document.of(text, source=source).id else passages_of(text)
    for number, passage in enumerate(cut, start=1):
        made = Document.of(passage, source=source)
        if name:
            made = made.model_copy(update={"id": name if len(cut) == 1 else f"{name}-{number}"})
        yield Read(Origin(file=file, line=record.line, row=made.id), made)


def passages_of(text: str) -> list[str]:
    """A text as it is, unless it is too long to be one passage."""
    if len(text) <= LONGEST:
        return [text]
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return [passage.text for passage in passages(text_blocks(plain))]


def own(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
