"""How commands print: JSON for programs, tables for people."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff
from typing import Any, Literal

from rich.console import Console, ConsoleDimensions
from rich.table import Table
from rich.text import Text

EXIT_CODES = {
    "PROMOTE": 0,
    "HOLD": 10,
    "REJECT": 11,
    "no_drift": 0,
    "insufficient": 10,
    "drift": 11,
}
LEAST, GAP = 12, 2  # characters of a word that stay together, and between two columns
COLOURS = {"+": "green", "-": "red", "@": "dim"}  # of a line of a difference
STYLES = {0: "bold green", 10: "bold yellow", 11: "bold red"}

AT_WORK = "another {} is at work here: waiting for its end …"  # until which a command waits
PIPED = 100_000  # columns


class WholeLineConsole(Console):
    """As wide as the terminal, or $COLUMNS; in a pipe no line is broken, for programs."""

    @property
    def size(self) -> ConsoleDimensions:
        if self.is_terminal or "COLUMNS" in os.environ:
            return super().size
        return ConsoleDimensions(PIPED, 25)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


# Texts of users stay as they are.
console = WholeLineConsole(highlight=False, markup=False)


def screen_width() -> int:
    """The columns of what is laid out by the letter; 80 in a pipe."""
    return 80 if console.width == PIPED else console.width


def say(*lines: str | Text, style: str | None = None) -> None:
    """Print lines for people; a line that is wider than the terminal is broken by the terminal."""
    for line in lines:
        console.print(line, style=style, soft_wrap=True)


def say_conclusion(sentences: Iterable[str]) -> None:
    """Print sentences, of which the first is the one that counts."""
    first, *others = sentences
    say(first, style="bold")
    say(*others)


def print_json(value: Any) -> None:
    """Print what programs read; records may stand anywhere in it."""
    print(
        json.dumps(value, indent=2, ensure_ascii=False, default=lambda r: r.model_dump(mode="json"))
    )


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A plain table; columns that hold numbers are named with a leading ">" and align right.

    A terminal that is too narrow for it breaks its lines: no column and no number is lost.
    """
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=any(columns))
    rows, room = list(rows), 0
    for place, name in enumerate(columns):
        number, head = name.startswith(">"), name.lstrip(">")
        cells = [head, *(str(row[place]) for row in rows)]
        parts = cells if number else [word[:LEAST] for cell in cells for word in cell.split()]
        least = max(map(len, parts), default=0)
        room += least + GAP
        justify: Literal["left", "right"] = "right" if number else "left"
        table.add_column(head, justify=justify, overflow="fold", no_wrap=number, min_width=least)
    for row in rows:
        table.add_row(*row)
    table.width = room if room > console.width else None
    console.print(table, crop=False)


def coloured(verdict: str) -> Text:
    return Text(verdict.replace("_", " "), STYLES[EXIT_CODES[verdict]])


def difference_lines(name: str, before: str, after: str, *, around: int = 2) -> Iterator[Text]:
    """What changes in a file, with so many lines around it."""
    lines = before.splitlines(), after.splitlines()
    for line in unified_diff(*lines, name, name, lineterm="", n=around):
        yield Text(line, COLOURS.get(line[0], ""))
