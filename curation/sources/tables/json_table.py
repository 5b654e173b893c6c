"""A JSON file as a table, in whichever of the usual ways its records are written."""

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from curation.sources.tables.json_nesting import (
    PART,
    Held,
    answered,
    are_alike,
    asks_and_answers,
    first_of,
    flattened,
    held_in,
    is_columns,
    is_conversation,
    read_columns,
)
from curation.sources.tables.json_values import (
    PLAIN,
    BadJsonError,
    BadValueError,
    JsonMember,
    JsonReader,
    decoded,
    nulled_note,
)
from curation.sources.tables.table import Gathered, LineNumbers, Table, TextFile, names_listed

# A bracket alone does not make it JSON: a CSV file's header may be [id],[name].
START = re.compile(r"[ \t\r\n]*(?:\{|\[[ \t\r\n]*(?:[\[{\"\]\d-]|null\b|true\b|false\b|NaN\b|$))")
LISTS = "is a list of lists: write each record as an object, {…}, with its names"
# What a row is told by, in whichever shape it is written.
ROWS = ({"prompt", "completion"}, {"instruction", "output"}, {"messages"})
SPLIT = "data"  # the key under which pandas writes records as lists
KEYS = " > "  # between the keys above a list
AS_RECORDS = 'write a list of records, [{"question": "…", "answer": "…"}, …]'
ONE_OBJECT = "holds one object, and a table is a list of objects"


def is_json(text: str) -> bool:
    """Whether it begins like JSON, or its second line is an object, so that the first is torn."""
    return START.match(text) is not None or is_object(first_lines(text)[1])


def read_json(source: TextFile, *, skip: bool = False) -> Table:
    """JSON Lines, a list of objects, an object that holds one, or an object of columns.

    Raises InputError with the line on which it ceases to be JSON.
    """
    first, second = first_lines(source.text)
    if second and is_object(first):
        return read_json_lines(source, skip=skip)
    try:
        reader = JsonReader(source.text)
        place = reader.after_blank(0)
        if source.text.startswith("[", place):
            gathered, lines = Gathered(source, skip), LineNumbers(source)
            for start, value in reader.elements(place, all_there_is=True):
                gather_value(value, lines.at(start), gathered, {})
            gathered.notes += nulled_note(reader.nulled)
            return gathered.table("json")
        return read_object_of(reader.members(place, all_there_is=True), source, skip=skip)
    except BadJsonError as error:
        if is_object(second) and not first.startswith("["):  # the first line alone is torn
            return read_json_lines(source, skip=skip)
        source.refuse(str(error), LineNumbers(source).at(error.place))


def first_lines(text: str) -> tuple[str, str]:
    """The first two lines that are not blank, without their ends; blank where there are none."""
    filled = (line.strip() for line in io.StringIO(text, newline="") if line.strip())
    return next(filled, ""), next(filled, "")


def gather_value(value: Any, line: int, gathered: Gathered, about: Mapping[str, str]) -> None:
    """Raises InputError."""
    if isinstance(value, dict):
        for record in flattened(value):
            gathered.add(line, {**about, **record})
    elif isinstance(value, list):
        gathered.source.refuse(LISTS, line)
    else:
        gathered.leave_out(line, str(value) if isinstance(value, BadValueError) else NO_OBJECT)


def read_object_of(members: list[JsonMember], source: TextFile, *, skip: bool) -> Table:
    """The object that is all of a file: it is columns, holds a list of records, or is a record."""
    if is_columns(members):
        return read_columns(members, source)
    # It could be JSON Lines, of one line.
    line = is_object(source.text) and source.line_end not in source.text.strip()
    # Lists in a row that asks and answers by itself, such as of assertions, are its own.
    names = {member.key for member in members}
    talks = any(is_conversation(member.value) for member in members)
    if talks or any(shape <= names for shape in ROWS):
        if line:
            return read_json_lines(source, skip=skip)
        gathered, reader = Gathered(source, skip), JsonReader(source.text)
        value, _ = reader.read_or_pass(reader.after_blank(0))
        gather_value(value, 1, gathered, {})
        gathered.notes += nulled_note(reader.nulled)
        return gathered.table("json")
    # Where its records are; where some ask and answer, those alone. An object on one line is a
    # record itself where it says something and its lists lie deeper.
    record_lists = list(held_in({member.key: member.value for member in members}))
    if line and not all(isinstance(member.value, dict) for member in members):
        record_lists = [held for held in record_lists if len(held.keys) < 2]
    telling = [held for held in record_lists if asks_and_answers(first_of(held))]
    if lists := (telling or record_lists):
        return read_lists(lists, members, source, skip=skip)
    # Pandas writes lists of lists when it splits a table.
    for member in (m for m in members if not line or m.key == SPLIT):
        if isinstance(member.value, list) and member.value and isinstance(member.value[0], list):
            place, _ = next(JsonReader(source.text).elements(member.place))
            source.refuse(LISTS, LineNumbers(source).at(place))
    if not line:
        keys = names_listed([m.key for m in members])
        source.refuse(f"{ONE_OBJECT}; its keys are {keys}: {AS_RECORDS}")
    return read_json_lines(source, skip=skip)


def read_lists(
    lists: list[Held], members: list[JsonMember], source: TextFile, *, skip: bool
) -> Table:
    """The records of one list, or of several that are alike. Raises InputError."""
    names = names_listed([KEYS.join(held.keys) for held in lists])
    if not are_alike(lists):
        source.refuse(f"holds several lists of records, {names}: make each a file of its own")
    gathered, reader, lines = Gathered(source, skip), JsonReader(source.text), LineNumbers(source)
    places = reader.places_of({held.keys for held in lists})
    for held in lists:
        about = {PART: KEYS.join(held.keys)} if len(lists) > 1 else {}
        for start, value in values_of(held, places[held.keys], reader):
            gather_value(value, lines.at(start), gathered, about)
    gathered.notes += nulled_note(reader.nulled)
    above = {key for held in lists for key in held.keys[:1]}
    others = [member.key for member in members if above and member.key not in above]
    aside = f"; left aside: {names_listed(others)}" if others else ""
    as_column = f", its column {PART!r}" if len(lists) > 1 else ""
    if others or len(lists) > 1:
        gathered.notes.append(f"its records are in {names}{as_column}{aside}")
    return gathered.table("json")


def values_of(held: Held, place: int, reader: JsonReader) -> Iterator[tuple[int, Any]]:
    """The records, with their places: of a list, or of an object by their names or questions.

    Raises BadJsonError.
    """
    if reader.text.startswith("[", place):
        yield from reader.elements(place)
        return
    for member in reader.members(place):
        value, _ = reader.read_or_pass(member.place)
        yield member.place, answered(member.key, value) if isinstance(value, str) else value


# --- json lines -----------------------------------------------------------------------------------

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
                value, end = reader.read(reader.after_blank(0))
                reader.refuse_rest(end)
                if not isinstance(value, dict):
                    raise BadValueError(NO_OBJECT)
                for record in flattened(value):
                    gathered.add(number, record)
            except (BadJsonError, BadValueError) as error:
                gathered.leave_out(number, str(error))
            nulled += reader.nulled
    gathered.notes += nulled_note(nulled)
    return gathered.table("json lines")


def is_object(text: str) -> bool:
    """Whether all of a text is an object, be it one that nobody can use."""
    reader = JsonReader(text)
    try:
        value, end = decoded(PLAIN, text, reader.after_blank(0))
        reader.refuse_rest(end)
    except BadJsonError:
        return False
    return isinstance(value, dict)
