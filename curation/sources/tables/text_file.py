"""The text of a file, and what gathers the records that are found in it."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from curation.sources.tables.table import Format, Table, TableRow, Unreadable
from project.errors import InputError

LEFT_OUT = (
    "mend it, or have such records left out: --skip-unreadable (params.yaml: `unreadable: skip`)"
)


@dataclass(frozen=True)
class TextFile:
    path: Path
    text: str
    notes: tuple[str, ...] = ()  # on how it was decoded

    @property
    def line_end(self) -> str:
        """What ends its lines; a carriage return alone, as old Macs have it, where nothing else."""
        return "\n" if "\n" in self.text else "\r"

    def refuse(self, problem: str, line: int | None = None) -> NoReturn:
        raise InputError(problem, file=self.path, line=line)


class LineNumbers:
    """Line numbers from 1 of places in a text."""

    def __init__(self, source: TextFile) -> None:
        self.ends = [found.start() for found in re.finditer(source.line_end, source.text)]

    def at(self, place: int) -> int:
        return bisect_left(self.ends, place) + 1


@dataclass
class Gathered:
    """The records of a file as they are read. What is no record is an error, or left out."""

    source: TextFile
    skip: bool
    rows: list[TableRow] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, line: int, fields: dict[str, Any]) -> None:
        self.rows.append(TableRow(line, fields))

    def leave_out(self, line: int, why: str) -> None:
        """Leave a record out; raises InputError where none may be."""
        if not self.skip:
            self.source.refuse(f"{why}; {LEFT_OUT}", line)
        self.unreadable.append(Unreadable(line, why))

    def table(self, form: Format, columns: tuple[str, ...] | None = None) -> Table:
        """What was gathered; columns are those of the records where the file does not list them."""
        if columns is None:
            columns = tuple(dict.fromkeys(name for row in self.rows for name in row.fields))
        return Table(
            path=self.source.path,
            format=form,
            columns=columns,
            rows=tuple(self.rows),
            unreadable=tuple(self.unreadable),
            notes=(*self.source.notes, *self.notes),
        )
