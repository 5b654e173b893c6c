"""How files and their columns were read, in words; light, for it stands before anything heavy."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from curation.sources.columns.choices import Guess, Taken
from curation.sources.tables.table import Table
from incumbent.output import console
from project.records.data import counted

# --- screen ---------------------------------------------------------------------------------------

# What `init` says: paragraphs beside their labels, wrapped in a terminal and whole in a pipe.

MARGIN = 11  # columns: the longest label, and a gap
WIDEST = 100  # columns: longer lines are hard to read


class LabelledLines(NamedTuple):
    """Lines about one thing, which the label names."""

    label: str
    lines: Sequence[str]


def show(paragraphs: Iterable[LabelledLines]) -> None:
    for label, lines in paragraphs:
        for line in lines:
            show_line(label, line)
            label = ""


def show_line(label: str, line: str) -> None:
    """What is wrapped begins where the line's own text does, behind its blanks."""
    head = Text(label.ljust(MARGIN), "dim")
    indent = len(line) - len(line.lstrip())
    for place, part in enumerate(wrapped(line)):
        blanks = " " * (indent if place else 0)
        whole = Text.assemble(head if place == 0 else " " * MARGIN, blanks, part.rstrip())
        console.print(whole, soft_wrap=True)


def wrapped(line: str) -> list[str]:
    if not console.is_terminal:
        return [line]
    indent = len(line) - len(line.lstrip())
    width = max(min(console.width, WIDEST) - MARGIN - indent, 20)
    parts = [part.plain for part in Text(line.lstrip()).wrap(console, width)]
    return [" " * indent + first for first in parts[:1]] + parts[1:] or [line]


def padded(text: str, width: int) -> str:
    """To so many columns of a terminal, where a Chinese character takes two."""
    return text + " " * (width - cell_len(text))


# --- columns text ---------------------------------------------------------------------------------

SHOWN = 5  # values of a slice, names of columns, contacts
WIDEST_NAME = 30  # columns of a terminal, for a name


def file_lines(table: Table) -> Iterator[str]:
    lost = f", {len(table.unreadable):,} unreadable" if table.unreadable else ""
    records = counted(len(table.rows) + len(table.unreadable), "record")
    yield f"{table.path}: {table.format}, {records}{lost}"
    yield from (f"  {note}" for note in table.notes)


def column_lines(found: Guess) -> Iterator[LabelledLines]:
    """The columns that are read, and the others by the reason why they are not."""
    read = {name: taken for name, taken in by_use(found) if taken.use}
    width = min(max(map(cell_len, read)), WIDEST_NAME)
    yield LabelledLines(
        "columns", [f"{padded(name, width)}  {taken}" for name, taken in read.items()]
    )
    unread: dict[str, list[str]] = {}
    for name, taken in found.taken.items():
        if not taken.use:
            unread.setdefault(taken.why, []).append(name)
    yield LabelledLines("not read", [f"{why}: {some(names)}" for why, names in unread.items()])
    yield LabelledLines("note", found.notes)


def by_use(found: Guess) -> list[tuple[str, Taken]]:
    """Prompt and answer first."""
    order = ("prompt", "completion", "messages")
    return sorted(found.taken.items(), key=lambda item: item[1].use not in order)


def some(names: Iterable[str]) -> str:
    """The first of some names, and how many there are beside them."""
    every = list(names)
    more = f" and {len(every) - SHOWN:,} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
