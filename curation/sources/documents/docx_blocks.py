"""A Word document as blocks."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation.sources.documents.passages import Block

if TYPE_CHECKING:
    from docx.document import Document
    from docx.oxml.xmlchemy import BaseOxmlElement

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
# What holds blocks and is none: content controls, insertions, and what moved here.
HOLDERS = {f"{WORD}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml")}
# What nobody reads: deletions, what moved away, properties, and drawings that are there twice.
UNREAD = {f"{WORD}{name}" for name in ("del", "moveFrom", "pPr", "rPr", "instrText")} | {FALLBACK}
BREAKS = {f"{WORD}tab": "\t", f"{WORD}br": "\n", f"{WORD}cr": "\n"}
BREAKS |= {f"{WORD}noBreakHyphen": "-"}
HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|заголовок) (\d)", re.I)
CONTENTS = re.compile(r"toc\b|table of figures", re.I)  # styles of lists of headings
LIST = re.compile(r"list\b|aufzählung", re.I)


def blocks_of(document: "Document") -> Iterator[Block]:
    names = {style.style_id: style.name or "" for style in document.styles}
    yield from blocks_in(document.element.body, names)


def blocks_in(holder: "BaseOxmlElement", names: dict[str, str]) -> Iterator[Block]:
    """The blocks of a part; names are those of styles by their ids. Items of a list are one."""
    items: list[str] = []
    for element in elements(holder):
        block = block_of(element, names)
        if block.text and element.tag == f"{WORD}p" and is_item(element, names):
            items.append(f"- {block.text}")
            continue
        if items and block.text:
            yield Block("\n".join(items))
            items = []
        yield block
    yield Block("\n".join(items))


def elements(holder: "BaseOxmlElement") -> Iterator["BaseOxmlElement"]:
    """Paragraphs and tables, those in content controls too."""
    for child in holder:
        if child.tag in (f"{WORD}p", f"{WORD}tbl"):
            yield child
        elif child.tag in HOLDERS:
            yield from elements(child)


def block_of(element: "BaseOxmlElement", names: dict[str, str]) -> Block:
    if element.tag == f"{WORD}tbl":
        return Block("\n".join(filter(None, map(row_text, element.iter(f"{WORD}tr")))))
    style, text = style_of(element, names), text_in(element).strip()
    if CONTENTS.match(style):
        return Block("")
    found = HEADING.match(style)
    level = int(found[1]) if found else int(style.casefold() == "title")
    return Block(" ".join(text.split()) if level else text, level=level)


def style_of(paragraph: "BaseOxmlElement", names: dict[str, str]) -> str:
    found = paragraph.find(f"{WORD}pPr/{WORD}pStyle")
    return "" if found is None else names.get(found.get(f"{WORD}val", ""), "")


def is_item(paragraph: "BaseOxmlElement", names: dict[str, str]) -> bool:
    style = style_of(paragraph, names)
    numbered = paragraph.find(f"{WORD}pPr/{WORD}numPr") is not None
    return bool(LIST.match(style)) or (numbered and not HEADING.match(style))


def row_text(row: "BaseOxmlElement") -> str:
    """The cells of a row, apart by bars; none of those in a table within a cell."""
    cells = [" ".join(text_in(cell).split()) for cell in row.iterchildren(f"{WORD}tc")]
    return " | ".join(cells) if any(cells) else ""


def text_in(element: "BaseOxmlElement") -> str:
    """The text of an element as it is read with all changes accepted."""
    parts: list[str] = []
    for child in element:
        if child.tag == f"{WORD}t":
            parts.append(child.text or "")
        elif child.tag in BREAKS:
            parts.append(BREAKS[child.tag])
        elif child.tag not in UNREAD:
            parts.append(text_in(child))
            parts.append("\n" if child.tag == f"{WORD}p" else "")
    return "".join(parts)
