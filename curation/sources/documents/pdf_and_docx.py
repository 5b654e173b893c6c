"""PDF and Word documents (DOCX): the text of printed pages, and paragraphs in their order."""

import io
import logging
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curation.sources.documents.passages import TextBlock, limited_bytes
from curation.sources.tables.unpacked_file import MIB
from project.errors import InputError

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement
    from pypdf import PdfReader

LARGEST_PDF = 128 * MIB
MOST_TEXT = 16 * MIB  # characters of all pages; a small file can draw one text again and again
ENCRYPTED = "encrypted: save it without a password"
SCANNED = "without a text: its pages are pictures, run OCR over it first"
# What the libraries stumble over, beside its own errors, in a file that breaks the format's rules.
STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # and RecursionError, in a loop
    SyntaxError,  # such as lxml's
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
PRINT_ANEW = "print it to a new PDF, or save it as text"


def pdf_blocks(path: Path, encoding: str | None) -> Iterable[TextBlock] | str:
    """The paragraphs of a PDF, each with the page on which it begins; why there are none, where it
    is encrypted, or holds pictures alone. Raises InputError for a file that is broken, or that
    takes more memory than a document can need.
    """
    # Imported here because most projects read no documents.
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of what it mends
    data = io.BytesIO(limited_bytes(path, LARGEST_PDF))
    try:
        reader = PdfReader(data, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            return ENCRYPTED
        texts = list(texts_of(reader, path))
    except (DependencyError, FileNotDecryptedError):
        return ENCRYPTED
    except (PyPdfError, *STUMBLES) as error:
        problem = f"is a broken PDF ({type(error).__name__}): {PRINT_ANEW}"
        raise InputError(problem, file=path) from None
    return paragraphs(texts) if any(text.strip() for text in texts) else SCANNED


def texts_of(reader: "PdfReader", path: Path) -> Iterator[str]:
    """Raises InputError where the pages hold more text than any document does."""
    total = 0
    for page in reader.pages:
        text = page.extract_text()
        total += len(text)
        if total > MOST_TEXT:
            problem = f"holds more than {MOST_TEXT // MIB} MiB of text: split it into several"
            raise InputError(problem, file=path)
        yield text


# --- page lines -----------------------------------------------------------------------------------

# The lines of printed pages as paragraphs again: no page numbers, no headers, no hyphens.


class PrintedLine(NamedTuple):
    page: int  # from 1
    text: str  # blank where a paragraph may end


EDGE = 2  # lines at the top, and at the bottom, among which running headers and footers are
FEWEST = 3  # pages on which something stands that can be said to repeat
REPEATED = 0.4  # of the pages: left and right ones may have headers of their own
DIGITS = re.compile(r"\d+")
PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|pág|página|стр)\W*)?(?:\d{1,4}|[ivxl]{1,6}|[IVXL]{1,6})"
    r"(?:\s*(?:/|of|von|de|sur|из)\s*\d{1,4})?[\W_]*",
    re.I,
)
ITEM = re.compile(r"(?:[•‣◦▪●○■–—*-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
SENTENCE_END = re.compile(r"[.!?…:;。！？]['\")\]”’»]*$")
CUT_WORD = re.compile(r"([^\W\d_]{2,})[-\u00ad\u2010]$")  # by the end of a line
COMPOUND = re.compile(r"[^\W\d_]{2,}-[^\W\d_]+")
FULL = 0.75  # of the usual length of a line: a shorter one ends its paragraph


def paragraphs(pages: Sequence[str]) -> Iterator[TextBlock]:
    """The paragraphs of pages, each with the page on which it begins."""
    lines = list(text_lines(pages))
    # The length that nine lines of ten do not exceed.
    lengths = sorted(len(line.text) for line in lines if line.text)
    full = FULL * (lengths[int(0.9 * (len(lengths) - 1))] if lengths else 0)
    compounds = {word.casefold() for line in lines for word in COMPOUND.findall(line.text)}
    text, page = "", 0
    for before, line in pairwise([PrintedLine(0, ""), *lines]):
        ends = before.page < line.page and SENTENCE_END.search(before.text)
        between = None if ends or not text else gap(before.text, line.text, full)
        if between is None:
            yield TextBlock(text, page)
            text, page = line.text, line.page
        else:
            text = joined(text, line.text, compounds) if between == " " else f"{text}\n{line.text}"
    yield TextBlock(text, page)


def text_lines(pages: Sequence[str]) -> Iterator[PrintedLine]:
    """The lines of all pages without what repeats at their edges."""
    split = [[" ".join(line.split()) for line in page.strip().split("\n")] for page in pages]
    # The lines, but for their numbers, that stand at the edges of many pages.
    counts = Counter(text for lines in split for text in {plain(lines[i]) for i in edges(lines)})
    fewest = max(FEWEST, REPEATED * sum(any(lines) for lines in split))
    running = {text for text, count in counts.items() if count >= fewest}
    for number, lines in enumerate(split, start=1):
        # A page's lines without its number, its header and its footer.
        left_out = {i for i in edges(lines) if plain(lines[i]) in running}
        ends = [i for i, line in enumerate(lines) if line and i not in left_out]
        left_out |= {i for i in {*ends[:1], *ends[-1:]} if PAGE_NUMBER.fullmatch(lines[i])}
        kept = [line for i, line in enumerate(lines) if i not in left_out]
        yield from (PrintedLine(number, text) for text in "\n".join(kept).strip().split("\n"))


def plain(line: str) -> str:
    return DIGITS.sub("0", line.casefold())


def edges(lines: Sequence[str]) -> set[int]:
    """The places of the first and the last lines that are not blank."""
    filled = [i for i, line in enumerate(lines) if line]
    return {*filled[:EDGE], *filled[-EDGE:]}


def gap(line: str, following: str, full: float) -> str | None:
    """What stands between two lines: a blank in a paragraph, a line end in a list; else nothing
    does, for a paragraph ends.
    """
    if not following:
        return None
    if ITEM.match(following):
        return "\n"
    if CUT_WORD.search(line):
        return " "
    title = len(following) < full / 2 and not following[0].islower()
    title = title and not SENTENCE_END.search(following)
    if len(line) >= full and not (SENTENCE_END.search(line) and title):
        return " "
    if SENTENCE_END.search(line):
        return None
    if following[0].islower():
        return " "
    return "\n" if len(following) < full else None


def joined(text: str, following: str, compounds: set[str]) -> str:
    """Two lines of a paragraph; a word that the line end had cut is mended."""
    cut = CUT_WORD.search(text)
    if cut is None:
        return f"{text} {following}"
    if not following[0].islower():
        return text + following
    rest = re.split(r"\W", following, maxsplit=1)[0]
    is_compound = f"{cut[1]}-{rest}".casefold() in compounds
    return (text if is_compound else text[:-1]) + following


# --- docx -----------------------------------------------------------------------------------------

# Word documents (DOCX): paragraphs, lists and tables in their order, without what was deleted.

LARGEST_DOCX = 64 * MIB
LARGEST_INFLATED = 256 * MIB  # of all parts, pictures too: a small file can inflate without end
LARGEST_PART = 64 * MIB  # of one part of XML
OLD = b"\xd0\xcf\x11\xe0"
SAVE_ANEW = "open it and save it anew as DOCX, or as text"
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


def docx_blocks(path: Path, encoding: str | None) -> list[TextBlock]:
    """The blocks of a Word document. Raises InputError."""
    # Imported here because most projects read no documents.
    from docx import Document
    from docx.opc.exceptions import OpcError

    data = limited_bytes(path, LARGEST_DOCX)
    refuse_bomb(data, path)
    try:
        document = Document(io.BytesIO(data))
        names = {style.style_id: style.name or "" for style in document.styles}
        return list(blocks_in(document.element.body, names))
    except (OpcError, *STUMBLES) as error:
        problem = f"is a broken Word document ({type(error).__name__}): {SAVE_ANEW}"
        raise InputError(problem, file=path) from None


def refuse_bomb(data: bytes, path: Path) -> None:
    """Raise InputError for what is no DOCX, and for one that inflates to more than can be read."""
    if data.startswith(OLD):
        problem = "is an old or an encrypted Word document: save it as DOCX, without a password"
        raise InputError(problem, file=path)
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except STUMBLES:
        raise InputError(f"is no Word document: {SAVE_ANEW}", file=path) from None
    whole = sum(part.file_size for part in parts)
    text = max((part.file_size for part in parts if part.filename.endswith(".xml")), default=0)
    if whole > LARGEST_INFLATED or text > LARGEST_PART:
        problem = f"inflates to {max(whole, text) // MIB:,} MiB, more than is read"
        raise InputError(f"{problem}: {SAVE_ANEW}", file=path)


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
    match = HEADING.match(style)
    level = int(match[1]) if match else int(style.casefold() == "title")
    return TextBlock(" ".join(text.split()) if level else text, level=level)


def style_of(paragraph: "BaseOxmlElement", names: dict[str, str]) -> str:
    style = paragraph.find(f"{WORD}pPr/{WORD}pStyle")
    return "" if style is None else names.get(style.get(f"{WORD}val", ""), "")


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
