"""Word documents (DOCX): paragraphs, lists and tables in their order, without what was deleted."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from curation.sources.documents.passages import TextBlock, limited_bytes
from curation.sources.tables.unpacked_file import MIB
from project.errors import InputError

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement

LARGEST = 64 * MIB
LARGEST_INFLATED = 256 * MIB  # of all parts, pictures too: a small file can inflate without end
LARGEST_TEXT = 64 * MIB  # of one part of XML
OLD = b"\xd0\xcf\x11\xe0"
# What the library stumbles over, beside its own errors, in a file that breaks the format's rules.
STUMBLES = (
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    SyntaxError,  # such as lxml's
    TypeError,
    ValueError,
    zlib.error,
)
SAVE_ANEW = "open it and save it anew as DOCX, or as text"


def docx_blocks(path: Path, encoding: str | None) -> list[TextBlock]:
    """The blocks of a Word document. Raises InputError."""
    # Imported here because most projects read no documents.
    from docx import Document
    from docx.opc.exceptions import OpcError

    data = limited_bytes(path, LARGEST)
    refuse_bomb(data, path)
    try:
        document = Document(io.BytesIO(data))
        names = {style.style_id: style.name or "" for style in document.styles}
        return list(blocks_in(document.element.body, names))
    except (OpcError, zipfile.BadZipFile, *STUMBLES) as error:
        problem = f"is a broken Word document ({type(error).__name__}): {SAVE_ANEW}"
        raise InputError(problem, file=path) from None


def refuse_bomb(data: bytes, path: Path) -> None:
    """Raise InputError for what is no DOCX, and for one that inflates to more than can be read."""
    if data.startswith(OLD):
        problem = "is an old or an encrypted Word document: save it as DOCX, without a password"
        raise InputError(problem, file=path)
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, *STUMBLES):
        raise InputError(f"is no Word document: {SAVE_ANEW}", file=path) from None
    whole = sum(part.file_size for part in parts)
    text = max((part.file_size for part in parts if part.filename.endswith(".xml")), default=0)
    if whole > LARGEST_INFLATED or text > LARGEST_TEXT:
        problem = f"inflates to {max(whole, text) // MIB:,} MiB, more than is read"
        raise InputError(f"{problem}: {SAVE_ANEW}", file=path)


# --- docx blocks ----------------------------------------------------------------------------------

# A Word document as blocks.

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


def blocks_in(holder: "BaseOxmlElement", names: dict[str, str]) -> Iterator[TextBlock]:
    """The blocks of a part; names are those of styles by their ids. Items of a list are one."""
    items: list[str] = []
    for element in elements(holder):
        block = block_of(element, names)
        style = style_of(element, names)
        numbered = element.find(f"{WORD}pPr/{WORD}numPr") is not None and not HEADING.match(style)
        if block.text and element.tag == f"{WORD}p" and (numbered or LIST.match(style)):
            items.append(f"- {block.text}")
            continue
        if items and block.text:
            yield TextBlock("\n".join(items))
            items = []
        yield block
    yield TextBlock("\n".join(items))


def elements(holder: "BaseOxmlElement") -> Iterator["BaseOxmlElement"]:
    """Paragraphs and tables, those in content controls too."""
    for child in holder:
        if child.tag in (f"{WORD}p", f"{WORD}tbl"):
            yield child
        elif child.tag in HOLDERS:
            yield from elements(child)


def block_of(element: "BaseOxmlElement", names: dict[str, str]) -> TextBlock:
    if element.tag == f"{WORD}tbl":
        return TextBlock("\n".join(filter(None, map(row_text, element.iter(f"{WORD}tr")))))
    style, text = style_of(element, names), text_in(element).strip()
    if CONTENTS.match(style):
        return TextBlock("")
    found = HEADING.match(style)
    level = int(found[1]) if found else int(style.casefold() == "title")
    return TextBlock(" ".join(text.split()) if level else text, level=level)


def style_of(paragraph: "BaseOxmlElement", names: dict[str, str]) -> str:
    found = paragraph.find(f"{WORD}pPr/{WORD}pStyle")
    return "" if found is None else names.get(found.get(f"{WORD}val", ""), "")


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
