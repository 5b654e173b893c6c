"""Plain text as documents: its paragraphs are what blank lines separate."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from curation.sources.documents.document_file import documents_of, read_text_of
from curation.sources.documents.passages import Block
from curation.sources.reading import Read


def read_text(path: Path, *, encoding: str | None = None) -> Iterator[Read]:
    """Documents of a text, each with the line on which it begins. Raises InputError."""
    yield from documents_of(path, text_blocks(read_text_of(path, encoding)))


def text_blocks(text: str) -> Iterator[Block]:
    lines = enumerate(text.split("\n"), start=1)
    for filled, run in groupby(lines, key=lambda numbered: bool(numbered[1].strip())):
        if filled:
            numbers, said = zip(*run, strict=True)
            yield Block("\n".join(said), numbers[0])
