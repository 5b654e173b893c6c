"""How a delimited text is written: its delimiter, and whether quotes enclose its fields."""

import csv
from collections.abc import Sequence
from typing import NamedTuple

from curation.sources.tables.csv_records import Broken, Dialect, OpenQuoteError, read_records

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
    fits = {dialect: fit(sample, dialect) for dialect in candidates(sample)}
    several = {dialect: found for dialect, found in fits.items() if found.fields > 1}
    best = max(several, key=several.__getitem__, default=Dialect(","))
    if best == Dialect("\t") and are_quotes_text(lines):
        return Dialect("\t", quoted=False)
    return best


def candidates(sample: Sequence[str]) -> list[Dialect]:
    """The dialects that are worth a try, the usual ones first."""
    text = "".join(sample)
    padded = [Dialect(d, padded=True) for d in DELIMITERS if f'{d} "' in text]
    return [Dialect(d) for d in DELIMITERS if d in text] + padded


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
