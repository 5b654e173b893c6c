"""Tables and sections of the generated pages, as nodes: their rows have anchors of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docutils import nodes


@dataclass(frozen=True)
class Line:
    """A row of a table; with an anchor others can link to it."""

    cells: tuple[Sequence[nodes.Node], ...]
    anchor: str = ""


def table(head: Sequence[str], lines: Iterable[Line]) -> nodes.table:
    group = nodes.tgroup(cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    titles = Line(tuple([nodes.Text(title)] for title in head))
    group += nodes.thead("", row_of(titles))
    group += nodes.tbody("", *map(row_of, lines))
    return nodes.table("", group, classes=["colwidths-auto", "reference"])


def row_of(line: Line) -> nodes.row:
    cells = [nodes.entry("", nodes.paragraph("", "", *inner)) for inner in line.cells]
    return nodes.row("", *cells, ids=[line.anchor] if line.anchor else [])


def section(title: str, anchor: str, *inner: nodes.Node) -> nodes.section:
    """A section whose title is what people type, such as a command."""
    heading = nodes.title("", "", nodes.literal("", title))
    return nodes.section("", heading, *inner, ids=[anchor], names=[])


def own_link(text: str, anchor: str) -> nodes.reference:
    """Code that links to its own row, so that its address can be copied."""
    return nodes.reference("", "", nodes.literal("", text), refid=anchor, internal=True)
