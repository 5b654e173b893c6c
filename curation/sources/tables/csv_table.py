"""CSV and what is like it as a table: every record has the header's fields, or is named."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from curation.sources.tables.column_names import listed, shortened
from curation.sources.tables.csv_dialect import find_dialect
from curation.sources.tables.csv_records import (
    Broken,
    Dialect,
    OpenQuoteError,
    Record,
    read_records,
)
from curation.sources.tables.formulas import is_formula
from curation.sources.tables.headless import NUMBERED, named, numbers
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import Gathered, TextFile

# What Excel reads and writes on a first line of its own, to say what the delimiter is.
NAMED_DELIMITER = re.compile(r"sep=([,;|\t])[\r\n]*", re.IGNORECASE)
FORMULA = (
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
    found = NAMED_DELIMITER.fullmatch(lines[0])
    if not found:
        return None
    lines[0] = "\n"
    return Dialect(found[1])


def gather(records: Iterator[Record], dialect: Dialect, gathered: Gathered) -> tuple[str, ...]:
    """Gather all records, and give the names of the columns."""
    first, header = next(records, (1, Broken("has no header")))
    if isinstance(header, Broken):
        gathered.source.refuse(header.why, first)
    has_names, records = named(header, records)
    if has_names:
        names = column_names(header, first, gathered.source)
    else:
        names, records = numbers(len(header)), chain([(first, header)], records)
        gathered.notes.append(NUMBERED.format(listed(names)))
    nameless = [place for place, name in enumerate(names) if not name]
    for line, fields in records:
        if isinstance(fields, Broken):
            gathered.leave_out(line, fields.why)
        elif len(fields) == len(names):
            refuse_values([fields[place] for place in nameless], line, gathered.source)
            record = {name: text for name, text in zip(names, fields, strict=True) if name}
            if formulas := [name for name, text in record.items() if is_formula(text)]:
                gathered.leave_out(line, FORMULA.format(shortened(formulas[0])))
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
        return f"{sizes}: quote the field that holds the delimiter {delimiter!r}"
    return f"{sizes}: a field is missing, or a line break in a field is not quoted"


def refuse_values(fields: list[str], line: int, source: TextFile) -> None:
    """Raise InputError for a value in a column without a name."""
    if any(field.strip() for field in fields):
        source.refuse("has a value in a column that has no name: give it one", line)
