"""Records that are too long to be read, found in a file's bytes before it is in memory."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MIB = 2**20
LONGEST_LINE = 16 * MIB  # bytes, of a record too: more than anybody writes, or a model reads
LINE_END = re.compile(rb"[\r\n]")
# How a list begins, or an object whose first value is a list or an object.
LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
HOLDER = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\"[^\"]{0,200}\"\s*:\s*[\[{]")
# Such an object is a record by itself where its first value is a conversation.
CHAT = re.compile(HOLDER.pattern + rb"\s*\{\s*\"(?:role|content|from|value)\"")
# All up to the next bracket; it stops at a text that has no end yet.
BETWEEN = re.compile(rb"(?:[^\"\[\]{}]++|\"(?:[^\"\\]++|\\.)*+\")*+", re.DOTALL)
OPENING, BRACKETS = b"[{", b"[]{}"
TOO_LONG = f"is longer than {LONGEST_LINE // MIB} MiB"
TAKE_OUT = "take it out, or cut it into several"


class LongRecordError(ValueError):
    """A record that is too long, with the line from 1 on which it begins."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def refuse_long_records(chunks: Iterable[bytes]) -> None:
    """Raise LongRecordError for a line that is too long, or, where one list holds all records, for
    such a record. The chunks are those of a text.
    """
    stream = iter(chunks)
    first = next(stream, b"")
    every = chained(first, stream)
    if LIST.match(first):
        refuse_long_elements(every, 1)
    elif HOLDER.match(first) and not CHAT.match(first):
        refuse_long_elements(every, 2)
    else:
        refuse_long_lines(every)


def chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def refuse_long_lines(chunks: Iterable[bytes]) -> None:
    line, length = 1, 0
    for chunk in chunks:
        end = LINE_END.search(chunk)
        if length + (end.start() if end else len(chunk)) > LONGEST_LINE:
            raise LongRecordError(f"{TOO_LONG}: a record is on a line of its own", line)
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        length = len(chunk) - last - 1 if last >= 0 else length + len(chunk)
        line += chunk.count(b"\n")


def refuse_long_elements(chunks: Iterable[bytes], level: int) -> None:
    """Look at what stands in brackets of a level, from 1: of no element more than a chunk is kept,
    but for a text that goes on.
    """
    element = Element(level)
    left = b""
    for chunk in chunks:
        left = element.passed(left + chunk)
        if len(left) > LONGEST_LINE:
            raise LongRecordError(f"holds a text that {TOO_LONG}: {TAKE_OUT}", element.begin)


@dataclass
class Element:
    """The element that is being passed, from chunk to chunk of a JSON text."""

    level: int
    depth: int = 0  # open brackets
    length: int = 0  # of the element so far
    line: int = 1
    begin: int = 1  # the line on which the element begins

    def passed(self, data: bytes) -> bytes:
        """Go on to the end of some bytes; returns those of a text that has no end yet."""
        place = 0
        while True:
            found = BETWEEN.match(data, place)
            end = found.end() if found else place
            mark = data[end : end + 1]
            is_bracket = mark in BRACKETS and mark != b""
            self.advance(data, place, end + is_bracket)
            if not is_bracket:
                return data[end:]
            self.turn(is_opening=mark in OPENING)
            place = end + 1

    def advance(self, data: bytes, start: int, end: int) -> None:
        self.length += end - start
        self.line += data.count(b"\n", start, end)
        if self.depth > self.level and self.length > LONGEST_LINE:
            raise LongRecordError(f"holds a record that {TOO_LONG}: {TAKE_OUT}", self.begin)

    def turn(self, *, is_opening: bool) -> None:
        if self.depth <= self.level:
            self.length, self.begin = 0, self.line
        self.depth += 1 if is_opening else -1
