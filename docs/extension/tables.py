"""Tables of Markdown for the generated pages: their rows have anchors of their own."""

import re
from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Its lines; each cell is Markdown on one line."""
    yield line(head)
    yield line(["---"] * len(head))
    yield from map(line, rows)


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(cell, cells))} |"


def cell(text: str) -> str:
    """A tag in a text that people wrote is a letter of it; our anchors are the only tags."""
    shown = re.sub(r"<(?!/?a[ >])(?=[A-Za-z/])", r"\\<", " ".join(text.split()))
    return re.sub(r"(?<!\\)\|", r"\|", shown)


def anchored(text: str, anchor: str) -> str:
    """Code that others can link to, wherever Markdown is shown."""
    return f'<a id="{anchor}"></a>`{text}`' if anchor else f"`{text}`"
