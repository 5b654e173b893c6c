"""Markdown as documents: what it says, without front matter, addresses and pictures."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.sources.documents.passages import TextBlock, read_text_of
from curation.sources.tables.unpacked_file import MIB

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

LARGEST = 2 * MIB  # its parts take several hundred times as much memory
FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(?:.*\n)*?\1[ \t]*(?:\n|\Z)")
# A paragraph that is longer is read as it stands: its marks could take for ever to pair.
LONGEST_INLINE = 20_000
HTML = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1>|\Z)|</?[a-zA-Z][^<>]*>", re.S)
LINE_BREAKS = {"softbreak": " ", "hardbreak": "\n"}


def markdown_blocks(path: Path, encoding: str | None) -> Iterator[TextBlock]:
    """The blocks of a Markdown text, each with the line on which it begins. Raises InputError."""
    # Imported here because most projects read no documents.
    from markdown_it.tree import SyntaxTreeNode

    text = read_text_of(path, encoding, LARGEST)
    front = found.end() if (found := FRONT_MATTER.match(text)) else 0
    line = text.count("\n", 0, front) + 1
    for node in SyntaxTreeNode(parsed(text[front:])).children:
        for block in blocks_of(node):
            yield replace(block, place=line + (block.place or 0))


def parsed(text: str) -> list["Token"]:
    """Its tokens; what stands in a line is parsed where that cannot take long."""
    from markdown_it import MarkdownIt  # as in markdown_blocks
    from markdown_it.token import Token

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.disable("inline")
    references: dict[str, object] = {}
    tokens = parser.parse(text, references)
    for token in tokens:
        if token.type != "inline":
            continue
        token.children = []
        if len(token.content) <= LONGEST_INLINE:
            parser.inline.parse(token.content, parser, references, token.children)
        else:
            token.children.append(Token("text", "", 0, content=token.content))
    return tokens


def blocks_of(node: "SyntaxTreeNode") -> Iterator[TextBlock]:
    """The blocks of a node, with their lines from 0."""
    line = node.map[0] if node.map else 0
    if node.type == "heading":
        yield TextBlock(inline_text(node), line, level=int(node.tag[1:]))
    elif node.type == "blockquote":
        for child in node.children:
            yield from blocks_of(child)
    else:
        yield TextBlock(text_of(node), line)


def text_of(node: "SyntaxTreeNode") -> str:
    if node.type in ("bullet_list", "ordered_list"):
        # An item a line, what belongs to it set in below.
        first = int(node.attrs.get("start", 1))
        items = []
        for number, item in enumerate(node.children, start=first):
            mark = f"{number}. " if node.type == "ordered_list" else "- "
            text = "\n".join(filter(None, map(text_of, item.children)))
            items.append(mark + text.replace("\n", "\n" + " " * len(mark)))
        return "\n".join(items)
    if node.type == "table":
        rows = [
            [inline_text(cell) for cell in row.children] for row in node.walk() if row.type == "tr"
        ]
        return "\n".join(" | ".join(row) for row in rows if any(row))
    if node.type in ("fence", "code_block"):
        return f"```{node.info.strip()}\n{node.content.rstrip()}\n```"
    if node.type == "html_block":
        return HTML.sub("", node.content)
    if node.type == "blockquote":
        return "\n".join(text_of(child) for child in node.children)
    return inline_text(node)


def inline_text(node: "SyntaxTreeNode") -> str:
    """What is said in a line: links by their texts, code between its marks, no pictures."""
    if node.type in LINE_BREAKS:
        return LINE_BREAKS[node.type]
    if node.type == "text":
        return node.content
    if node.type == "code_inline":
        return f"`{node.content}`"
    if node.type in ("image", "html_inline"):
        return "\n" if node.content.lower().startswith("<br") else ""
    said = "".join(map(inline_text, node.children))
    return said if node.type in ("link", "em", "strong") else said.strip()
