"""Documents out of a table: the texts of its column `text`, long ones as passages."""

from collections.abc import Iterator
from typing import Any

from curation.faults.placeholders import said
from curation.sources.documents.passages import LONGEST, passages
from curation.sources.documents.text_document import text_blocks
from curation.sources.reading import Read
from curation.sources.table_rows import NO_TEXT, UNREADABLE, as_text, name_of, numbered
from curation.sources.tables.column_names import find_column
from curation.sources.tables.table import Table, TableRow
from project.records.data import Document, Origin

TEXT = "text"


def documents_of_table(table: Table) -> Iterator[Read]:
    """Of every record what became of it. Raises InputError for a table without the column."""
    column, name = find_column(table, TEXT), name_of(table.path)
    lost = [Read(Origin(file=name, line=one.line, why=UNREADABLE)) for one in table.unreadable]
    made = [read for record in numbered(table.rows) for read in documents_of(record, column, name)]
    yield from sorted([*lost, *made], key=lambda read: read.origin.line)


def documents_of(record: TableRow, column: str, file: str) -> Iterator[Read]:
    """The passages of its text. Id and source are the record's own, where it has them as texts."""
    text = as_text(record.fields.get(column))
    if text is None or not said(text):
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
