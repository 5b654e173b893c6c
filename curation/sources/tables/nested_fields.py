"""Columns of what lies in objects: `answer.text` is the field `text` of the objects in `answer`."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from curation.sources.tables.json_columns import is_conversation
from curation.sources.tables.table import Table, TableRow

DOT = "."
DEEPEST = 3  # objects in one another


def with_nested(table: Table, names: Iterable[str] | None = None) -> Table:
    """The table with a column for each field of its objects; with names, only if one has a dot and
    is not there. Of a list the first element is looked at, but for conversations.
    """
    wanted = None if names is None else [n for n in names if DOT in n and n not in table.columns]
    if wanted == [] or not any(map(holds_objects, table.rows)):
        return table
    rows = [TableRow(row.line, dict(fields_of(row.fields))) for row in table.rows]
    columns = dict.fromkeys([*table.columns, *(name for row in rows for name in row.fields)])
    return replace(table, columns=tuple(columns), rows=tuple(rows))


def holds_objects(row: TableRow) -> bool:
    return any(isinstance(value, dict | list) for value in row.fields.values())


def fields_of(fields: dict[str, Any], depth: int = DEEPEST) -> Iterator[tuple[str, Any]]:
    """Every field, and behind an object those in it."""
    for name, value in fields.items():
        yield name, value
        if depth and isinstance(inner := first_of(value), dict):
            for key, one in fields_of(inner, depth - 1):
                yield f"{name}{DOT}{key}", first_text(one)


def first_text(value: Any) -> Any:
    """The value, or the first of a list of texts: of several answers that are right, one."""
    texts = isinstance(value, list) and bool(value) and isinstance(value[0], str)
    return value[0] if texts else value


def first_of(value: Any) -> Any:
    """The value, or the first of a list that is no conversation."""
    if isinstance(value, list):
        return value[0] if value and not is_conversation(value) else None
    return value
