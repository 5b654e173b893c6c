"""Rows of a table as JSON Lines, the same from every database, and back."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from project.canonical import canonical_json
from project.errors import IncumbentError, InputError
from project.records.record import read_object
from project.untrusted_input import quoted
from registry.backups.manifest import TableSummary
from registry.storage.tables import metadata

LONGEST_LINE = 64 << 20  # bytes; no row comes near it
BATCH_ROWS, BATCH_BYTES = 500, 8 << 20  # that are written to the database at once
LARGEST = 2**31 - 1  # that every database has a number for


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """Every row, by the primary key. Raises IncumbentError for one that nothing could read back."""
    query = select(table).order_by(*table.primary_key)
    for row in connection.execute(query, execution_options={"yield_per": BATCH_ROWS}):
        line = canonical_json(dict(row._mapping)) + b"\n"
        if len(line) > LONGEST_LINE:
            raise IncumbentError(f"a row of the table {table.name} has {len(line)} bytes")
        yield line


def summaries(connection: Connection) -> tuple[TableSummary, ...]:
    """Of all tables, those first that others refer to."""
    ordered = metadata.sorted_tables
    return tuple(summary_of(table.name, lines_of(connection, table)) for table in ordered)


def summary_of(name: str, lines: Iterable[bytes]) -> TableSummary:
    rows, size, sha = 0, 0, hashlib.sha256()
    for line in lines:
        rows, size = rows + 1, size + len(line)
        sha.update(line)
    return TableSummary(name=name, rows=rows, size=size, sha256=sha.hexdigest())


def row_batches(lines: Iterable[bytes], table: Table, file: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of foreign lines, a few at a time. Raises InputError naming line and field."""
    batch, size = list[dict[str, Any]](), 0
    for number, line in enumerate(lines, start=1):
        batch.append(row_of(line, table, file, number))
        size += len(line)
        if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def row_of(line: bytes, table: Table, file: Path, number: int) -> dict[str, Any]:
    row = read_object(line, file, number)
    if other := row.keys() ^ set(table.columns.keys()):
        unlike = ", ".join(map(quoted, sorted(other)))
        raise InputError(f"has too many or too few columns: {unlike}", file=file, line=number)
    for column in table.columns:
        if not fits(column, value := row[column.name]):
            problem = f"{quoted(value)} is no value of this column"
            raise InputError(problem, file=file, line=number, field=column.name)
    return row


def fits(column: Column[Any], value: object) -> bool:
    """SQLite takes anything in any column, and the code that reads it back does not."""
    if value is None:
        return bool(column.nullable)
    kind = column.type.python_type
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST
    return type(value) is kind or (kind is float and type(value) is int)
