"""Records of delimited text, read strictly: what breaks the rules is named with its line."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import Any

LINE_BREAK = re.compile(r"\r\n?|\n")
AFTER_QUOTE = 'has text after a closing quote: write a quote inside of a field as ""'


@dataclass(frozen=True)
class Dialect:
    delimiter: str
    padded: bool = False  # blanks after a delimiter are no part of the field
    quoted: bool = True  # a quote at the start of a field encloses it

    @property
    def options(self) -> dict[str, Any]:
        """As csv.reader takes them."""
        quoting = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        return {
            "delimiter": self.delimiter,
            "skipinitialspace": self.padded,
            "quoting": quoting,
        }


@dataclass(frozen=True)
class Broken:
    """What is no record, though the lines after it can be read."""

    why: str


class OpenQuoteError(ValueError):
    """A quote that is not closed: which of the text after it is in the field cannot be told."""

    def __init__(self, line: int) -> None:
        super().__init__(f"a quote that opens on line {line} is not closed")
        self.line = line


Record = tuple[int, list[str] | Broken]  # with the line from 1 on which it begins


def read_records(lines: Sequence[str], dialect: Dialect) -> Iterator[Record]:
    """Records of lines that have their ends; blank lines are left aside. Raises OpenQuoteError."""
    csv.field_size_limit(max(csv.field_size_limit(), sum(map(len, lines))))
    reader = csv.reader(lines, strict=True, **dialect.options)
    line, done = 1, False
    while not done:
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
            done = True
        except csv.Error:
            refuse_open_quote(lines[line - 1 : reader.line_num], dialect, line)
            yield line, Broken(AFTER_QUOTE)
            line = reader.line_num + 1


def refuse_open_quote(lines: Sequence[str], dialect: Dialect, first: int) -> None:
    """Raise OpenQuoteError, unless it is one line that broke the rules and it leaves no quote open.

    The lines are those of a record, from its first, to where it broke the rules.
    """
    reader = csv.reader(chain(lines, ["\n"]), strict=False, **dialect.options)
    fields = next(reader)
    is_open = reader.line_num > len(lines)
    starts = list(accumulate(map(count_breaks, fields), initial=first))
    if is_open:
        raise OpenQuoteError(starts[-2])
    if len(lines) > 1:  # the text that ends the quoted field is likely the next one's opening quote
        last = first + len(lines) - 1
        raise OpenQuoteError(next(line for line, end in pairwise(starts) if end >= last))


def count_breaks(field: str) -> int:
    return len(LINE_BREAK.findall(field))
