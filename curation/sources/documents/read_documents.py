"""Documents of a file or of a folder, in whichever of the formats each is."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from curation.sources.documents.html_and_markdown import html_blocks, markdown_blocks
from curation.sources.documents.passages import (
    LEARNT,
    NO_TEXT,
    RETRIEVED,
    PassageSize,
    TextBlock,
    documents_of,
    read_text_of,
    text_blocks,
    unread,
)
from curation.sources.documents.pdf_and_docx import docx_blocks, pdf_blocks
from curation.sources.row_formats import Read
from curation.sources.table_rows import UNREADABLE
from curation.sources.tables.unpacked_file import files_in, readable
from project.errors import InputError
from project.records.data import Document, EvidencePassage, Origin

Format = Literal["text", "markdown", "html", "pdf", "docx"]

ENDINGS: dict[str, Format] = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
# The blocks of a file, or why there are none.
READERS: dict[Format, Callable[[Path, str | None], Iterable[TextBlock] | str]] = {
    "text": lambda path, encoding: text_blocks(read_text_of(path, encoding)),
    "markdown": markdown_blocks,
    "html": html_blocks,
    "pdf": pdf_blocks,
    "docx": docx_blocks,
}
# What documents in other formats end with: of a folder, they are told, and not read.
OTHERS = (".doc", ".odt", ".rtf", ".epub", ".rst", ".adoc", ".tex", ".ppt", ".pptx", ".ps")
OTHER_FORMAT = "in a format that is not read: save it as PDF, DOCX, HTML, Markdown or text"
SHOWN = 1000  # bytes at which a file is looked at to tell what it is


def read_documents(
    path: Path,
    *,
    encoding: str | None = None,
    skip: bool = False,
    size: PassageSize = LEARNT,
) -> Iterator[Read]:
    """Every document of a file, or of a folder's files in the order of their names.

    Raises InputError for a folder without documents, and for what cannot be read, unless files of
    a folder that cannot are to be left out and told.
    """
    files = documents_in(path)
    if not any(file == path or file.suffix.casefold() in ENDINGS for file in files):
        kinds = "text, Markdown, HTML, PDF or DOCX"
        raise InputError(f"is a folder without documents ({kinds})", file=path)
    for file in files:
        try:
            yield from read_document(file, encoding=encoding, size=size)
        except InputError:
            if not skip or file == path:
                raise
            yield unread(file, UNREADABLE)


def evidence_passages(path: Path) -> tuple[list[EvidencePassage], list[Origin]]:
    """The passages of a file, or of a folder's files, that questions are answered by: each a
    section or a part of one, with its headings, and each text once; and the files that gave none,
    with why. Raises InputError as read_documents does.
    """
    by_id: dict[str, EvidencePassage] = {}
    empty = []
    for read in read_documents(path, skip=True, size=RETRIEVED):
        if isinstance(read.made, Document):
            passage = EvidencePassage(id=read.made.id, text=read.made.text, source=read.made.source)
            by_id.setdefault(passage.id, passage)
        else:
            empty.append(read.origin)
    return list(by_id.values()), empty


def documents_in(path: Path) -> list[Path]:
    """A file, or a folder's files of text, with those whose format is not read."""
    return [file for file in files_in(path) if file == path or is_document(file)]


def is_document(file: Path) -> bool:
    return file.suffix.casefold() in (*ENDINGS, *OTHERS)


def read_document(
    path: Path, *, encoding: str | None = None, size: PassageSize = LEARNT
) -> Iterator[Read]:
    """The documents of one file. Raises InputError."""
    ending = path.suffix.casefold()
    with readable(path):
        is_empty = path.is_file() and path.stat().st_size == 0
    if is_empty:
        yield unread(path, NO_TEXT)
        return
    form = ENDINGS.get(ending) or (None if ending in OTHERS else format_shown(path))
    blocks = READERS[form](path, encoding) if form else OTHER_FORMAT
    if isinstance(blocks, str):
        yield unread(path, blocks)
    else:
        yield from documents_of(path, blocks, size)


def format_shown(path: Path) -> Format:
    """What a file without an ending that says it is, by its first bytes."""
    with readable(path), path.open("rb") as file:
        start = file.read(SHOWN)
    if start.startswith(b"%PDF-"):
        return "pdf"
    if start.startswith(b"PK\x03\x04"):
        return "docx"
    is_page = start.lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return "html" if is_page else "text"
