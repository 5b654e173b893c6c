"""A file of anybody's as records, each with the line that it stands on."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

from project.errors import InputError

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


# --- column names ---------------------------------------------------------------------------------

ACCENTS = re.compile("[\u0300-\u036f]")  # only these: in Hindi or Thai, a mark is a letter's half
# Punctuation, blanks, controls, and what is not seen, such as a byte-order mark.
NO_PART = ("P", "Z", "C")
SHOWN = 30  # names in a message
LONGEST = 60  # characters of a name in a message


def plain_name(name: str) -> str:
    """A name without case, accents, blanks and punctuation: two with one plain name are one.

    A name that is punctuation alone stays what it is.
    """
    bare = ACCENTS.sub("", unicodedata.normalize("NFKD", name).casefold())
    bare = unicodedata.normalize("NFKC", bare)
    return "".join(c for c in bare if not unicodedata.category(c).startswith(NO_PART)) or name


def find_column(table: Table, name: str) -> str:
    """The table's own name for a column: the same name, or else the one with its plain name.

    Raises InputError with the columns there are where none is meant, or more than one.
    """
    if name in table.columns:
        return name
    wanted = plain_name(name)
    matching = [column for column in table.columns if plain_name(column) == wanted]
    if len(matching) == 1:
        return matching[0]
    problem = "no such column" if not matching else f"could be any of {names_listed(matching)}"
    there = names_listed(table.columns) if table.columns else "none"
    raise InputError(f"{problem}; the columns are {there}", file=table.path, field=name)


def names_listed(names: Sequence[str]) -> str:
    """Names as a message shows them: readable in any script, safe on a terminal, not endless."""
    shown = ", ".join(map(shortened, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def shortened(name: str) -> str:
    return repr(name if len(name) <= LONGEST else f"{name[:LONGEST]}…")


# --- text file ------------------------------------------------------------------------------------

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
        self.ends = [match.start() for match in re.finditer(source.line_end, source.text)]

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
