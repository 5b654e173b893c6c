"""Documents out of a table: the texts of its column `text`."""

from collections.abc import Iterator
from typing import Any

from curation.faults.placeholders import said
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
    made = [document_of(record, column, name) for record in numbered(table.rows)]
    yield from sorted([*lost, *made], key=lambda read: read.origin.line)


def document_of(record: TableRow, column: str, file: str) -> Read:
    """Its id and its source are the record's own, where it has them as texts."""
    text = as_text(record.fields.get(column))
    if text is None or not said(text):
        why = NO_TEXT if text is None else "without a text"
        return Read(Origin(file=file, line=record.line, why=why))
    made = Document.of(text, source=own(record.fields, "source") or file)
    made = made.model_copy(update={"id": own(record.fields, "id") or made.id})
    return Read(Origin(file=file, line=record.line, row=made.id), made)


def own(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None
