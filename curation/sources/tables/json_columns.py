"""A JSON object of columns as a table: {"name": [value, …]}, or pandas' {"name": {"0": value}}."""

from typing import Any

from curation.sources.tables.json_values import BadValueError, JsonReader, Member, nulled_note
from curation.sources.tables.table import Table
from curation.sources.tables.text_file import Gathered, LineNumbers, TextFile

# The keys of a message: a list of such is a conversation, which is one value of a record.
MESSAGE_KEYS = ({"role", "content"}, {"from", "value"})


def is_columns(members: list[Member]) -> bool:
    """Whether each member is a column, all of them as long."""
    values = [member.value for member in members]
    if all(isinstance(value, list) for value in values):
        return len(set(map(len, values))) == 1 and are_columns(values)
    if all(isinstance(value, dict) for value in values):
        numbered = all(key.isdecimal() for key in values[0])
        return numbered and all(list(value) == list(values[0]) != [] for value in values)
    return False


def are_columns(lists: list[list[Any]]) -> bool:
    """Whether lists of one length are columns. One alone is, if its values are plain; several are,
    unless one is a conversation or all are lists of records.
    """
    if len(lists) == 1:
        return not any(isinstance(value, list | dict) for value in lists[0])
    return not any(map(is_conversation, lists)) and not all(map(is_records, lists))


def is_conversation(value: Any) -> bool:
    """Whether it is a list of messages, to judge by the first."""
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return False
    return any(keys <= value[0].keys() for keys in MESSAGE_KEYS)


def is_records(value: Any) -> bool:
    """Whether it is a list of objects that are no messages."""
    if not isinstance(value, list) or not value or is_conversation(value):
        return False
    return all(isinstance(one, dict) for one in value)


def read_columns(members: list[Member], source: TextFile) -> Table:
    """A record's line is that of its value in the first column.

    Raises InputError, and BadJsonError.
    """
    gathered, lines = Gathered(source, skip=False), LineNumbers(source)
    reader = JsonReader(source.text)
    columns = [column(member, reader) for member in members]
    for record in zip(*columns, strict=True):
        for place, value in record:
            if isinstance(value, BadValueError):
                gathered.leave_out(lines.at(place), str(value))
        fields = {member.key: value for member, (_, value) in zip(members, record, strict=True)}
        gathered.add(lines.at(record[0][0]), fields)
    gathered.notes += nulled_note(reader.nulled)
    return gathered.table("json", tuple(member.key for member in members))


def column(member: Member, reader: JsonReader) -> list[tuple[int, Any]]:
    """The places and values of a column."""
    if isinstance(member.value, list):
        return list(reader.elements(member.place))
    inner = reader.members(member.place)
    return [(one.place, reader.read_or_pass(one.place)[0]) for one in inner]
