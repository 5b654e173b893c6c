"""A file of anybody's as records, each with the line that it stands on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Format = Literal["csv", "json", "json lines", "parquet", "xlsx", "yaml"]


@dataclass(frozen=True)
class TableRow:
    """One record; its values are what JSON knows, and texts alone where it stood in a CSV file."""

    line: int  # of the file, from 1, where it begins; of Parquet and YAML, the number of the record
    fields: dict[str, Any]


@dataclass(frozen=True)
class Unreadable:
    line: int
    why: str


@dataclass(frozen=True)
class Table:
    """A file as records. Rows and what is unreadable are all that the file holds."""

    path: Path
    format: Format
    columns: tuple[str, ...]  # in the order in which they first come
    rows: tuple[TableRow, ...]
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()  # what its owner should know, such as the encoding it was read in
