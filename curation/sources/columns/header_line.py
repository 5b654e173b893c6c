"""Whether the first line of a CSV file holds names of columns, or is a record itself."""

from collections.abc import Sequence

from curation.sources.columns.profiles.value_kinds import asks
from curation.sources.tables.table import Table
from project.errors import InputError
from project.unicode_words import words
from project.untrusted_input import one_line

SENTENCE = 6  # words of a name that could be a value
SHOWN = 60  # characters
LINE = "put a line with the columns' names before it"


def refuse_no_header(tables: Sequence[Table]) -> None:
    """Raise InputError where every name is as long as a sentence: so is text that is no table."""
    for table in tables:
        if is_delimited(table) and all(map(is_sentence, table.columns)):
            shown = " | ".join(one_line(name)[:SHOWN] for name in table.columns)
            problem = f"reads like a record, and not like names of columns ({shown}): {LINE}"
            raise InputError(problem, file=table.path, line=1)


def header_notes(tables: Sequence[Table]) -> list[str]:
    """That names may be the values of a record. A form that people filled in has such names too."""
    names = [name for table in tables if is_delimited(table) for name in table.columns]
    likely = [name for name in names if is_sentence(name) and (asks(name) or name.endswith("."))]
    shown = [f'the first line is taken for names, such as "{one_line(n)[:SHOWN]}"' for n in likely]
    return [f"{one}; if it is a record, {LINE}" for one in shown[:1]]


def is_delimited(table: Table) -> bool:
    return table.format == "csv" and len(table.columns) > 1


def is_sentence(name: str) -> bool:
    return len(words(name)) >= SENTENCE
