"""How commands print: JSON for programs, tables for people."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from rich.console import Console
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
STYLES = {0: "bold green", 10: "bold yellow", 11: "bold red"}

console = Console(highlight=False, markup=False)  # texts of users stay as they are


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """A plain table; columns that hold numbers are named with a leading ">" and align right."""
    table = Table(box=None, pad_edge=False, header_style="dim", show_header=any(columns))
    for name in columns:
        number = name.startswith(">")
        justify: Literal["left", "right"] = "right" if number else "left"
        # A number is not broken over lines, and one that has no room shows that it is cut.
        overflow: Literal["ellipsis", "fold"] = "ellipsis" if number else "fold"
        table.add_column(name.lstrip(">"), justify=justify, overflow=overflow, no_wrap=number)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def coloured(verdict: str) -> Text:
    return Text(verdict.replace("_", " "), STYLES[EXIT_CODES[verdict]])
