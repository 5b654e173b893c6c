"""Delimited text whose first line is a record: it has no names, so its columns are numbered."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from curation.sources.tables.csv_records import Record
from project.unicode_words import words

LEAST = 10  # records beside the first line, all of its size
SENTENCE = 3  # words
ENDS = re.compile(r"[.!?…。！？؟](?=[\s\"'”’)]|\Z)")
STATES = re.compile(r"[.!…。！](?=[\s\"'”’)]|\Z)")
NUMBERED = "its first line reads like a record, so its columns are called {}"


def named(first: Sequence[str], records: Iterator[Record]) -> tuple[bool, Iterator[Record]]:
    """Whether the first line has the names of the others, and the records behind it."""
    ahead = list(islice(records, LEAST))
    fields = [found for _, found in ahead if isinstance(found, list)]
    alike = len(fields) == LEAST and all(len(found) == len(first) for found in fields)
    told = reads_like_record(first) or any(comes_again(first, found) for found in fields)
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


def numbers(count: int) -> list[str]:
    return [f"column {place}" for place in range(1, count + 1)]
