"""A JSON file as a table, in whichever of the usual ways its records are written."""

import io
import re
from dataclasses import replace

from curation.sources.tables.column_names import listed
from curation.sources.tables.json_columns import is_columns, is_records, read_columns
from curation.sources.tables.json_lines import NO_OBJECT, is_object, read_json_lines
from curation.sources.tables.json_values import (
    BadJsonError,
    BadValueError,
    JsonReader,
    Member,
    nulled_note,
)
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import Gathered, LineNumbers, TextFile

# A bracket alone does not make it JSON: a CSV file's header may be [id],[name].
START = re.compile(r"[ \t\r\n]*(?:\{|\[[ \t\r\n]*(?:[\[{\"\]\d-]|null\b|true\b|false\b|NaN\b|$))")
LISTS = "is a list of lists: write each record as an object, {…}, with its names"
# What a row is told by, in whichever shape it is written.
ROWS = ({"prompt", "completion"}, {"instruction", "output"}, {"messages"})
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
        return read_whole(source, skip=skip)
    except BadJsonError as error:
        if is_object(second) and not first.startswith("["):  # the first line alone is torn
            return read_json_lines(source, skip=skip)
        source.refuse(str(error), LineNumbers(source).at(error.place))


def first_lines(text: str) -> tuple[str, str]:
    """The first two lines that are not blank, without their ends; blank where there are none."""
    filled = (line.strip() for line in io.StringIO(text, newline="") if line.strip())
    return next(filled, ""), next(filled, "")


def read_whole(source: TextFile, *, skip: bool) -> Table:
    """A text that is one list or object. Raises InputError, and BadJsonError."""
    reader = JsonReader(source.text)
    place = reader.after_blank(0)
    if source.text.startswith("[", place):
        return read_list(source, place, all_there_is=True, skip=skip)
    return read_object_of(reader.members(place, all_there_is=True), source, skip=skip)


def read_list(
    source: TextFile, place: int, *, all_there_is: bool = False, skip: bool = False
) -> Table:
    """The list that opens at a place. Raises InputError, and BadJsonError."""
    gathered, reader, lines = Gathered(source, skip), JsonReader(source.text), LineNumbers(source)
    for start, value in reader.elements(place, all_there_is=all_there_is):
        if isinstance(value, dict):
            gathered.add(lines.at(start), value)
        elif isinstance(value, list):
            source.refuse(LISTS, lines.at(start))
        else:
            why = str(value) if isinstance(value, BadValueError) else NO_OBJECT
            gathered.leave_out(lines.at(start), why)
    gathered.notes += nulled_note(reader.nulled)
    return gathered.table("json")


def read_object_of(members: list[Member], source: TextFile, *, skip: bool) -> Table:
    """The object that is all of a file: it is columns, holds a list of records, or is a record."""
    if is_columns(members):
        return read_columns(members, source)
    if is_line(source) and is_row(members):
        return read_json_lines(source, skip=skip)
    lists = [member for member in members if holds_rows(member)]
    if len(lists) > 1:
        names = listed([member.key for member in lists])
        source.refuse(f"holds several lists of records, {names}: make each a file of its own")
    if lists:
        table = read_list(source, lists[0].place, skip=skip)
        return replace(table, notes=(*table.notes, *left_aside(members, lists[0])))
    if not is_line(source):
        source.refuse(f"{ONE_OBJECT}; its keys are {listed([m.key for m in members])}")
    return read_json_lines(source, skip=skip)


def is_line(source: TextFile) -> bool:
    """Whether it could be JSON Lines, of one line."""
    return is_object(source.text) and source.line_end not in source.text.strip()


def is_row(members: list[Member]) -> bool:
    """Whether it asks and answers by itself: a list in it, such as of assertions, is its own."""
    names = {member.key for member in members}
    return any(shape <= names for shape in ROWS)


def holds_rows(member: Member) -> bool:
    """Whether it is a list of records; or one of lists, as pandas has it, to be refused as such."""
    split = member.key == "data" and isinstance(member.value, list) and member.value
    return is_records(member.value) or bool(split and isinstance(split[0], list))


def left_aside(members: list[Member], records: Member) -> list[str]:
    others = [member.key for member in members if member is not records]
    return [f"its records are in {records.key!r}; left aside: {listed(others)}"] if others else []
