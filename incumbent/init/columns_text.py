"""How files and their columns were read, in words; light, for it stands before anything heavy."""

from collections.abc import Iterable, Iterator

from rich.cells import cell_len

from curation.sources.columns.wanted import Guess, Taken
from curation.sources.tables.table import Table
from incumbent.init.screen import Said, padded
from project.records.data import counted

SHOWN = 5  # values of a slice, names of columns, contacts
WIDEST = 30  # columns of a terminal, for a name


def file_lines(table: Table) -> Iterator[str]:
    lost = f", {len(table.unreadable):,} unreadable" if table.unreadable else ""
    records = counted(len(table.rows) + len(table.unreadable), "record")
    yield f"{table.path}: {table.format}, {records}{lost}"
    yield from (f"  {note}" for note in table.notes)


def columns_said(found: Guess) -> Iterator[Said]:
    """The columns that are read, and the others by the reason why they are not."""
    read = {name: taken for name, taken in by_use(found) if taken.use}
    width = min(max(map(cell_len, read)), WIDEST)
    yield Said("columns", [f"{padded(name, width)}  {taken}" for name, taken in read.items()])
    unread: dict[str, list[str]] = {}
    for name, taken in found.taken.items():
        if not taken.use:
            unread.setdefault(taken.why, []).append(name)
    yield Said("not read", [f"{why}: {some(names)}" for why, names in unread.items()])
    yield Said("note", found.notes)


def by_use(found: Guess) -> list[tuple[str, Taken]]:
    """Prompt and answer first."""
    order = ("prompt", "completion", "messages")
    return sorted(found.taken.items(), key=lambda item: item[1].use not in order)


def some(names: Iterable[str]) -> str:
    """The first of some names, and how many there are beside them."""
    every = list(names)
    more = f" and {len(every) - SHOWN:,} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
