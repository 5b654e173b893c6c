"""A document, read from its bytes and cut into passages, none longer than is read well."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from curation.sources.row_formats import Read
from curation.sources.table_rows import name_of
from curation.sources.tables.decoding import decode
from curation.sources.tables.unpacked_file import (
    GIT_LFS,
    MIB,
    OTHERS,
    contents,
    readable,
    refuse_large,
)
from project.errors import InputError
from project.records.data import Document, Origin

LONGEST = 4000  # characters of a passage that training reads
BETWEEN = "\n\n"
PATH = " > "  # between the headings that stand above a passage
# Where a paragraph is cut that is too long by itself: the first that is found in its second half.
CUTS = (re.compile(r"\n"), re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])"), re.compile(r"\s+"))


@dataclass(frozen=True)
class PassageSize:
    """Characters of a passage at most, and after how many a new section begins the next one."""

    longest: int
    section: int = 0


LEARNT = PassageSize(LONGEST, LONGEST // 2)
# Three that a question is answered by fit into 512 tokens, and a section is a passage of its own.
RETRIEVED = PassageSize(500)


@dataclass(frozen=True)
class TextBlock:
    """A paragraph, a list, a table or a heading of a document."""

    text: str
    place: int | None = None  # its line or page, from 1, where the format has them
    level: int = 0  # of a heading, from 1


def passages(blocks: Iterable[TextBlock], size: PassageSize = LEARNT) -> Iterator[TextBlock]:
    """Passages of whole blocks, each with the headings that it stands under on top, and with the
    line or page on which it begins, or its number.
    """
    draft, number = PassageDraft(), 0
    for block in pieces(blocks, size.longest):
        is_long = draft.size + len(block.text) > size.longest
        section = block.level > 0 and draft.says_something and draft.size >= size.section
        if is_long or section:
            if draft.says_something:
                number += 1
                yield draft.passage(number)
            draft = PassageDraft(open_headings([*draft.above, *draft.blocks]))
        draft.add(block)
    if draft.says_something:
        yield draft.passage(number + 1)


def pieces(blocks: Iterable[TextBlock], longest: int) -> Iterator[TextBlock]:
    """Blocks that have a text, those that are too long in parts."""
    for block in blocks:
        text = block.text.strip()
        place = 0
        while len(text) - place > longest:
            end = cut_place(text, place, longest)
            yield TextBlock(text[place:end].strip(), block.place)
            place = end
        if text:
            yield TextBlock(text[place:].lstrip(), block.place, 0 if place else block.level)


def cut_place(text: str, place: int, longest: int) -> int:
    """Where a text that is too long from a place on is cut: at a line's, else a sentence's, else
    a word's end.

    No cut is in the first half of what may stand: a part that short would teach little.
    """
    for cut in CUTS:
        ends = [m.start() for m in cut.finditer(text, place + longest // 2, place + longest)]
        if ends:
            return ends[-1]
    return place + longest


@dataclass
class PassageDraft:
    """The passage that is being filled, and the headings that it stands under."""

    above: list[TextBlock] = field(default_factory=list)  # open headings before its first block
    blocks: list[TextBlock] = field(default_factory=list)
    size: int = 0  # characters
    says_something: bool = False  # it holds more than headings

    def add(self, block: TextBlock) -> None:
        if block.level and not self.blocks:
            self.above = open_headings([*self.above, block])[:-1]
        self.blocks.append(block)
        self.size += len(block.text) + len(BETWEEN)
        self.says_something |= not block.level

    def passage(self, number: int) -> TextBlock:
        path = PATH.join(heading.text for heading in self.above)
        text = BETWEEN.join(filter(None, [path, *(block.text for block in self.blocks)]))
        return TextBlock(text, self.blocks[0].place or number)


def open_headings(blocks: Iterable[TextBlock]) -> list[TextBlock]:
    """The headings that what comes after these blocks stands under, the highest first."""
    headings: list[TextBlock] = []
    for block in blocks:
        if block.level:
            headings = [*(heading for heading in headings if heading.level < block.level), block]
    return headings


# --- document file --------------------------------------------------------------------------------

NO_TEXT = "without a text"
LARGEST_TEXT = 64 * MIB


def documents_of(path: Path, blocks: Iterable[TextBlock], size: PassageSize) -> Iterator[Read]:
    """A document for each passage; a record that says why where there is none."""
    name, has_passage = name_of(path), False
    for passage in passages(blocks, size):
        has_passage = True
        document = Document.of(passage.text, source=name)
        yield Read(Origin(file=name, line=passage.place or 1, row=document.id), document)
    if not has_passage:
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


# --- text document --------------------------------------------------------------------------------

# Plain text as documents: its paragraphs are what blank lines separate.


def text_blocks(text: str) -> Iterator[TextBlock]:
    lines = enumerate(text.split("\n"), start=1)
    for filled, run in groupby(lines, key=lambda numbered: bool(numbered[1].strip())):
        if filled:
            numbers, texts = zip(*run, strict=True)
            yield TextBlock("\n".join(texts), numbers[0])
