"""What `init` says: paragraphs beside their labels, wrapped in a terminal and whole in a pipe."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from incumbent.output import console

MARGIN = 11  # columns: the longest label, and a gap
WIDEST = 100  # columns: longer lines are hard to read


class Said(NamedTuple):
    """Lines about one thing, which the label names."""

    label: str
    lines: Sequence[str]


def show(paragraphs: Iterable[Said]) -> None:
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
