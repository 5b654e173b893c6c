"""HTML as documents: the main text of a page, without what surrounds it on every page."""

import re
from collections.abc import Iterator
from pathlib import Path

from curation.sources.documents.document_file import documents_of, limited_bytes
from curation.sources.documents.html_blocks import TooDeepError, blocks_of
from curation.sources.documents.passages import Block
from curation.sources.reading import Read
from curation.sources.tables.encodings.decoding import decode
from curation.sources.tables.long_records import MIB
from project.errors import InputError

LARGEST = 8 * MIB  # its parts take more than a hundred times as much memory
CHARSET = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.I)
HEAD = 4096  # bytes in which a page says its encoding
WESTERN = {"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"}  # browsers mean another one


def read_html(path: Path, *, encoding: str | None = None) -> Iterator[Read]:
    """Documents of a page, each with its number on it. Raises InputError."""
    data = limited_bytes(path, LARGEST)
    text = decode(data, path, encoding or declared(data)).text
    try:
        blocks = html_blocks(text)
    except TooDeepError:
        raise InputError("has tags that are nested too deep: save it as text", file=path) from None
    yield from documents_of(path, blocks)


def declared(data: bytes) -> str | None:
    """The encoding that a page says it is in; none where it is UTF-8, whatever it says."""
    try:
        data.decode()
    except UnicodeDecodeError:
        found = CHARSET.search(data, 0, HEAD)
        said = found[1].decode().casefold() if found else None
        return "windows-1252" if said in WESTERN else said
    return None


def html_blocks(text: str) -> list[Block]:
    """Raises TooDeepError."""
    # Imported here because most projects read no documents.
    from bs4 import BeautifulSoup

    return blocks_of(BeautifulSoup(text, "lxml"))
