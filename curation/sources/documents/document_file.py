"""The bytes of a document, no more than can be read, and what is made of its text."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from curation.sources.documents.passages import Block, passages
from curation.sources.reading import Read
from curation.sources.table_rows import name_of
from curation.sources.tables.encodings.decoding import decode
from curation.sources.tables.file_bytes import (
    GIT_LFS,
    OTHERS,
    contents,
    readable,
    refuse_large,
)
from curation.sources.tables.long_records import MIB
from project.errors import InputError
from project.records.data import Document, Origin

NO_TEXT = "without a text"
LARGEST_TEXT = 64 * MIB


def documents_of(path: Path, blocks: Iterable[Block]) -> Iterator[Read]:
    """A document for each passage; a record that says why where there is none."""
    name, found = name_of(path), False
    for passage in passages(blocks):
        found = True
        document = Document.of(passage.text, source=name)
        yield Read(Origin(file=name, line=passage.place, row=document.id), document)
    if not found:
        yield unread(path, NO_TEXT)


def unread(path: Path, why: str) -> Read:
    return Read(Origin(file=name_of(path), line=1, why=why))


def read_text_of(path: Path, encoding: str | None, largest: int = LARGEST_TEXT) -> str:
    """The text of a file, with line feeds alone. Raises InputError as limited_bytes and decode."""
    text = decode(limited_bytes(path, largest), path, encoding).text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def limited_bytes(path: Path, largest: int) -> bytes:
    """A file's bytes. Raises InputError for a larger file, and for one that is not there yet."""
    with readable(path):
        refuse_large(path, largest)
    data = contents(path)
    if data.startswith(GIT_LFS):
        raise InputError(OTHERS[GIT_LFS], file=path)
    return data
