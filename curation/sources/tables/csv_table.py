"""CSV and what is like it as a table: every record has the header's fields, or is named."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, islice, pairwise
from typing import Any, NamedTuple

from curation.sources.tables.table import Gathered, Table, TextFile, names_listed, shortened
from project.unicode_words import words

# --- csv records ----------------------------------------------------------------------------------

# Records of delimited text, read strictly: what breaks the rules is named with its line.

LINE_BREAK = re.compile(r"\r\n?|\n")
AFTER_QUOTE = 'has text after a closing quote: write a quote inside of a field as ""'


@dataclass(frozen=True)
class Dialect:
    delimiter: str
    padded: bool = False  # blanks after a delimiter are no part of the field
    quoted: bool = True  # a quote at the start of a field encloses it

    @property
    def options(self) -> dict[str, Any]:
        """The dialect as csv.reader takes it."""
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
    breaks = (len(LINE_BREAK.findall(field)) for field in fields)
    starts = list(accumulate(breaks, initial=first))
    if is_open:
        raise OpenQuoteError(starts[-2])
    if len(lines) > 1:  # the text that ends the quoted field is likely the next one's opening quote
        last = first + len(lines) - 1
        raise OpenQuoteError(next(line for line, end in pairwise(starts) if end >= last))


# --- csv table ------------------------------------------------------------------------------------

# What Excel reads and writes on a first line of its own, to say what the delimiter is.
NAMED_DELIMITER = re.compile(r"sep=([,;|\t])[\r\n]*", re.IGNORECASE)
HOLDS_FORMULA = (
    "holds a formula of a spreadsheet in {}: save the values (as CSV, not by a script), or write a"
    " text that begins so in JSON Lines"
)
REPEATS_HEADER = "says the header again, as where files were joined"
QUOTES_ARE_TEXT = "its quotes are read as text: they enclose no fields"
AROUND_NAMES = re.compile(r"^[\s\ufeff\u200b]+|[\s\ufeff\u200b]+$")


def read_csv(source: TextFile, *, skip: bool = False) -> Table:
    """A delimited text as a table; all of its values are texts. Raises InputError."""
    lines = list(io.StringIO(source.text, newline=""))
    gathered = Gathered(source, skip)
    dialect = named_dialect(lines) or find_dialect(lines)
    if not dialect.quoted:
        gathered.notes.append(QUOTES_ARE_TEXT)
    try:
        columns = gather(read_records(lines, dialect), dialect, gathered)
    except OpenQuoteError as error:
        source.refuse("a quote is not closed", error.line)
    return gathered.table("csv", columns)


def named_dialect(lines: list[str]) -> Dialect | None:
    """The dialect that the first line names, which is no record then."""
    match = NAMED_DELIMITER.fullmatch(lines[0])
    if not match:
        return None
    lines[0] = "\n"
    return Dialect(match[1])


def gather(records: Iterator[Record], dialect: Dialect, gathered: Gathered) -> tuple[str, ...]:
    """Gather all records, and give the names of the columns."""
    first, header = next(records, (1, Broken("has no header")))
    if isinstance(header, Broken):
        gathered.source.refuse(header.why, first)
    has_names, records = names_and_records(header, records)
    if has_names:
        names = column_names(header, first, gathered.source)
    else:
        names = [f"column {place}" for place in range(1, len(header) + 1)]
        records = chain([(first, header)], records)
        gathered.notes.append(NUMBERED.format(names_listed(names)))
    nameless = [place for place, name in enumerate(names) if not name]
    for line, fields in records:
        if isinstance(fields, Broken):
            gathered.leave_out(line, fields.why)
        elif len(fields) == len(names):
            refuse_values([fields[place] for place in nameless], line, gathered.source)
            record = {name: text for name, text in zip(names, fields, strict=True) if name}
            if formulas := [n for n, text in record.items() if FORMULA.match(text[:LOOKED_AT])]:
                gathered.leave_out(line, HOLDS_FORMULA.format(shortened(formulas[0])))
            elif has_names and len(names) > 1 and fields == header:
                gathered.leave_out(line, REPEATS_HEADER)
            else:
                gathered.add(line, record)
        elif "".join(fields).strip() or len(fields) > 1:  # else it is a line of blanks
            gathered.leave_out(line, wrong_size(len(fields), len(names), dialect.delimiter))
    return tuple(filter(None, names))


def column_names(header: list[str], line: int, source: TextFile) -> list[str]:
    """The names, blank where a column has none. Raises InputError for one that is there twice.

    The first column may lack a name, as an index does that pandas wrote: it gets one.
    """
    names = [AROUND_NAMES.sub("", name) for name in header]
    if not any(names):
        source.refuse("the header has no names", line)
    names[0] = names[0] or "column 1"
    doubled = [name for name, count in Counter(names).items() if name and count > 1]
    if doubled:
        problem = f"has the column {shortened(doubled[0])} twice: rename one"
        source.refuse(f"{problem}, or put a line of names before the records", line)
    return names


def wrong_size(fields: int, columns: int, delimiter: str) -> str:
    sizes = f"has {fields} field{'s' * (fields != 1)}, the header has {columns}"
    if fields > columns:
        titled = "delete the title above the line of names, or " if columns == 1 else ""
        return f"{sizes}: {titled}quote the field that holds the delimiter {delimiter!r}"
    return f"{sizes}: a field is missing, or a line break in a field is not quoted"


def refuse_values(fields: list[str], line: int, source: TextFile) -> None:
    """Raise InputError for a value in a column without a name."""
    if any(field.strip() for field in fields):
        named = "give it one, or delete a title above the line of names"
        source.refuse(f"has a value in a column that has no name: {named}", line)


# --- csv dialect ----------------------------------------------------------------------------------

# How a delimited text is written: its delimiter, and whether quotes enclose its fields.
# csv.Sniffer names another delimiter, or none, for 22 of 432 files of usual tables; this for none.

DELIMITERS = (",", "\t", ";", "|")
SAMPLE = 2000  # lines


class Fit(NamedTuple):
    """How well a dialect fits a text; the greater tuple fits better."""

    share: float  # of the records that have as many fields as the header
    clean: bool  # no name in the header begins with a blank and a quote
    fields: int  # of the header


def find_dialect(lines: Sequence[str]) -> Dialect:
    """The dialect in which the header has several fields and most records have as many.

    A text in which no header has several is one column, with the comma for its delimiter.
    """
    sample = lines[:SAMPLE]
    # The dialects that are worth a try, the usual ones first.
    text = "".join(sample)
    padded = [Dialect(d, padded=True) for d in DELIMITERS if f'{d} "' in text]
    fits = {
        dialect: fit(sample, dialect)
        for dialect in [Dialect(d) for d in DELIMITERS if d in text] + padded
    }
    several = {dialect: score for dialect, score in fits.items() if score.fields > 1}
    best = max(several, key=several.__getitem__, default=Dialect(","))
    if best == Dialect("\t") and are_quotes_text(lines):
        return Dialect("\t", quoted=False)
    return best


def fit(sample: Sequence[str], dialect: Dialect) -> Fit:
    records: list[list[str]] = []
    try:
        for _, fields in read_records(sample, dialect):
            records.append([] if isinstance(fields, Broken) else fields)
    except OpenQuoteError:
        records.append([])
    header = records[0]
    like_header = sum(len(fields) == len(header) for fields in records)
    clean = not any(name.lstrip().startswith('"') for name in header)
    return Fit(like_header / len(records), clean, len(header))


def are_quotes_text(lines: Sequence[str]) -> bool:
    """Whether a tab-separated text has quotes that enclose nothing, as many programs write it.

    Every line has as many tabs then, and to take the quotes for enclosing ones would join lines
    or fail. Doubled quotes, or any in the header, show that they enclose.
    """
    filled = [line for line in lines if line.strip("\r\n")]
    if len({line.count("\t") for line in filled}) != 1:
        return False
    if '"' in filled[0] or any('""' in line for line in filled):
        return False
    try:
        reader = csv.reader(lines, strict=True, **Dialect("\t").options)
        return sum(map(bool, reader)) < len(filled)
    except csv.Error:
        return True


# --- headless -------------------------------------------------------------------------------------

LEAST = 10  # records beside the first line, all of its size
SENTENCE = 3  # words
ENDS = re.compile(r"[.!?…。！？؟](?=[\s\"'”’)]|\Z)")
STATES = re.compile(r"[.!…。！](?=[\s\"'”’)]|\Z)")
NUMBERED = "its first line reads like a record, so its columns are called {}"


def names_and_records(
    first: Sequence[str], records: Iterator[Record]
) -> tuple[bool, Iterator[Record]]:
    """Whether the first line has the names of the others, and the records behind it."""
    ahead = list(islice(records, LEAST))
    fields = [row for _, row in ahead if isinstance(row, list)]
    alike = len(fields) == LEAST and all(len(row) == len(first) for row in fields)
    told = reads_like_record(first) or any(comes_again(first, row) for row in fields)
    return not (alike and told), chain(ahead, records)


def comes_again(first: Sequence[str], fields: Sequence[str]) -> bool:
    """Whether a record has a text of the first line, in the same column, but not all of them."""
    same = [a == b for a, b in zip(first, fields, strict=False)]
    long = [len(words(text)) >= SENTENCE for text in first]
    return not all(same) and any(map(min, same, long))


def reads_like_record(fields: Sequence[str]) -> bool:
    """Whether they are texts that somebody says: a form's names are questions, but do not state
    anything, and names are short.
    """
    texts = [field for field in fields if len(words(field)) >= SENTENCE]
    return len(texts) > 1 and all(map(ENDS.search, texts)) and any(map(STATES.search, texts))


# --- formulas -------------------------------------------------------------------------------------

# Formulas of a spreadsheet in a CSV file: the text that was shown in their cells is not there.

# That reach out of the table, whichever way they are written.
OUTWARD = """
    hyperlink webservice importdata importfeed importhtml importrange importxml image rtd dde exec
    call register cmd
"""
# Of any other, spreadsheets write the name in capitals.
FUNCTIONS = """
    AVERAGE CHAR CONCAT CONCATENATE COUNT COUNTA COUNTIF DATE IF IFERROR INDEX INDIRECT LEFT LEN
    LOOKUP MATCH MAX MID MIN NOW OFFSET RIGHT ROUND SUBSTITUTE SUM SUMIF SUMPRODUCT TEXT TODAY
    TRIM VALUE VLOOKUP XLOOKUP
"""
LOOKED_AT = 1000  # characters
ANY_CASE = "|".join(OUTWARD.split())
CAPITALS = "|".join(FUNCTIONS.split())
CELL = r"(?:'[^']+'!|\w+!)?\$?[A-Z]{1,3}\$?\d{1,7}"
# Texts begin with these characters too: with "=>", "-5 %", a list's "- ", a user's "@".
FORMULA = re.compile(
    rf"\s*[=+@-][+-]?(?i:{ANY_CASE})\("
    rf"|\s*[=+@-][+-]?(?:{CAPITALS})\("
    rf"|\s*=[+-]?[A-Z][A-Z0-9.]+\("
    rf"|\s*=[+-]?{CELL}(?:\s*[-+*/&^:<>=]|\s*\Z)"
    rf"|\s*[=+@-][^\n]*\w\|[^\n|]*!\$?[A-Z]{{1,3}}\$?\d"  # of another program, such as =cmd|'…'!A0
)
