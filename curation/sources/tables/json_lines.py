"""JSON Lines as a table: an object a line."""

from typing import Any

from curation.sources.tables.json_nesting import flattened
from curation.sources.tables.json_values import (
    PLAIN,
    BadJsonError,
    BadValueError,
    JsonReader,
    decoded,
    nulled_note,
)
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import Gathered, TextFile

NO_OBJECT = "is no JSON object: a record is written {…}, with its names"


def read_json_lines(source: TextFile, *, skip: bool = False) -> Table:
    """Raises InputError for a line that is no object, unless such lines are to be left out.

    Lines end at line feeds alone: texts hold other characters that pass for line ends.
    """
    gathered = Gathered(source, skip)
    nulled = 0
    for number, line in enumerate(source.text.split(source.line_end), start=1):
        if line.strip():
            reader = JsonReader(line)
            try:
                for record in flattened(read_object(reader)):
                    gathered.add(number, record)
            except (BadJsonError, BadValueError) as error:
                gathered.leave_out(number, str(error))
            nulled += reader.nulled
    gathered.notes += nulled_note(nulled)
    return gathered.table("json lines")


def read_object(reader: JsonReader) -> dict[str, Any]:
    """The object that is all of a text. Raises BadJsonError, and BadValueError."""
    value, end = reader.read(reader.after_blank(0))
    reader.refuse_rest(end)
    if not isinstance(value, dict):
        raise BadValueError(NO_OBJECT)
    return value


def is_object(text: str) -> bool:
    """Whether all of a text is an object, be it one that nobody can use."""
    reader = JsonReader(text)
    try:
        value, end = decoded(PLAIN, text, reader.after_blank(0))
        reader.refuse_rest(end)
    except BadJsonError:
        return False
    return isinstance(value, dict)
