"""Records that lie deeper in a JSON value: lists in objects, and records that hold others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from curation.sources.columns.column_name import read_names
from curation.sources.tables.json_values import BadValueError, JsonMember, JsonReader, nulled_note
from curation.sources.tables.table import Gathered, LineNumbers, Table, TableRow, TextFile

DEEPEST = 3  # levels of objects above a list of records, and of records above others
PART = "part"  # the column that says under which key a record stands
# What tasks of annotation tools have.
TASKS = ({"data", "annotations"}, {"fields", "responses"})
OF_TOOLS = frozenset({"_task_hash", "annotation_id"})
ASKED = ("question", "instruction", "user")


class Held(NamedTuple):
    """Records, or texts by what asks for them, and the keys above them."""

    keys: tuple[str, ...]
    value: Any  # a list of records, or an object of texts


def held_in(value: Any, keys: tuple[str, ...] = ()) -> Iterator[Held]:
    """The lists of records in an object and its objects, the answers by their questions, and the
    records by their names.
    """
    if is_records(value) or are_answers(value):
        yield Held(keys, value)
    elif are_named_records(value):
        yield Held(keys, list(value.values()))
    elif isinstance(value, Mapping) and len(keys) < DEEPEST:
        for key, inner in value.items():
            yield from held_in(inner, (*keys, key))


def are_answers(value: Any) -> bool:
    """Whether it is an object whose keys are what is asked, to judge by their blanks."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    texts = all(isinstance(answer, str) for answer in value.values())
    return texts and sum(len(key.split()) > 2 for key in value) > len(value) / 2


def are_named_records(value: Any) -> bool:
    """Whether it is an object of records that all have the same names, two at least."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    first = next(iter(value.values()))
    if not isinstance(first, dict) or not asks_and_answers(first):
        return False
    return all(isinstance(entry, dict) and entry.keys() == first.keys() for entry in value.values())


def records_of(held: Held) -> list[dict[str, Any]]:
    if isinstance(held.value, Mapping):
        return [answered(key, text) for key, text in held.value.items()]
    return list(held.value)


def answered(question: str, answer: str) -> dict[str, str]:
    return {"question": question, "answer": answer}


def first_of(held: Held) -> dict[str, Any]:
    """The first record, of those that one holds."""
    return flattened(records_of(held)[0])[0]


def flattened(record: Mapping[str, Any], depth: int = DEEPEST) -> list[dict[str, Any]]:
    """The records that one holds, each with what stands beside them; itself where it holds none.

    One that asks and answers by itself is a record, whatever lists it has, and so is a task.
    """
    name = inner_records(record, depth)
    # Of a task of an annotation tool, the lists are what people said of it.
    task = any(record.keys() >= names for names in TASKS) or not OF_TOOLS.isdisjoint(record)
    if name is None or task or asks_and_answers(record):
        return [dict(record)]
    beside = {key: value for key, value in record.items() if key != name}
    inner = (fields for held in record[name] for fields in flattened(held, depth - 1))
    return [{**beside, **fields} for fields in inner]


def inner_records(record: Mapping[str, Any], depth: int) -> str | None:
    """The name of the field whose records ask and answer, or hold others that do."""
    if depth < 1:
        return None
    for name, value in record.items():
        if not is_records(value):
            continue
        first = value[0]
        if asks_and_answers(first) or inner_records(first, depth - 1):
            return name
    return None


def asks_and_answers(record: Mapping[str, Any]) -> bool:
    """Whether a record asks and answers, by the names of its texts; a conversation does both."""
    told = {name: value for name, value in record.items() if isinstance(value, str | list | dict)}
    roles = {says.role for says in read_names(told).values()}
    talks = any(map(is_conversation, told.values()))
    return talks or ("answer" in roles and not roles.isdisjoint(ASKED))


def are_alike(lists: Sequence[Held]) -> bool:
    """Whether the records of several lists have the same names, to judge by each list's first."""
    names = {frozenset(first_of(held)) for held in lists}
    return len(names) == 1


# --- json columns ---------------------------------------------------------------------------------

# A JSON object of columns as a table: {"name": [value, …]}, or pandas' {"name": {"0": value}}.

# The keys of a message: a list of such is a conversation, which is one value of a record.
MESSAGE_KEYS = ({"role", "content"}, {"from", "value"})


def is_columns(members: list[JsonMember]) -> bool:
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
    return all(isinstance(element, dict) for element in value)


def read_columns(members: list[JsonMember], source: TextFile) -> Table:
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


def column(member: JsonMember, reader: JsonReader) -> list[tuple[int, Any]]:
    """The places and values of a column."""
    if isinstance(member.value, list):
        return list(reader.elements(member.place))
    inner = reader.members(member.place)
    return [(cell.place, reader.read_or_pass(cell.place)[0]) for cell in inner]


# --- nested fields --------------------------------------------------------------------------------

# Columns of what lies in objects: `answer.text` is the field `text` of the objects in `answer`.

DOT = "."
SPAN_ENDS = ({"start", "end"}, {"start_offset", "end_offset"})


def with_nested(table: Table, names: Iterable[str] | None = None) -> Table:
    """The table with a column for each field of its objects; with names, only if one has a dot and
    is not there. A list of records that several of the names lie in gives a row for each of its
    records; of any other list the first element is looked at, but for conversations.
    """
    wanted = [n for n in names or () if DOT in n and n not in table.columns]
    values = (value for row in table.rows for value in row.fields.values())
    if (names is not None and not wanted) or not any(isinstance(v, dict | list) for v in values):
        return table
    # What at least two of the names lie in, as the keys that lead there.
    keys = [tuple(name.split(DOT)) for name in dict.fromkeys(wanted)]
    above = Counter(path[:depth] for path in keys for depth in range(1, len(path)))
    paths = {path for path, count in above.items() if count > 1}
    each = [(row.line, fields) for row in table.rows for fields in apart(row.fields, paths)]
    rows = [TableRow(line, dict(fields_of(fields))) for line, fields in each]
    columns = dict.fromkeys([*table.columns, *(name for row in rows for name in row.fields)])
    return replace(table, columns=tuple(columns), rows=tuple(rows))


Keys = tuple[str, ...]  # that lead down to a list of records


def apart(fields: dict[str, Any], paths: set[Keys]) -> list[dict[str, Any]]:
    """The records that differ in what lies on the paths: one for each record of a list there."""
    records = [fields]
    for key in {path[0] for path in paths} & fields.keys():
        below = {path[1:] for path in paths if path[0] == key and path[1:]}
        value = fields[key]
        inner = value if is_records(value) else [value]
        ones = [x for v in inner for x in (apart(v, below) if isinstance(v, dict) else [v])]
        records = [{**record, key: element} for record in records for element in ones]
    return records


def fields_of(fields: dict[str, Any], depth: int = DEEPEST) -> Iterator[tuple[str, Any]]:
    """Every field, and behind an object those in it."""
    for name, value in fields.items():
        yield name, value
        if isinstance(value, list):
            first = value[0] if value and not is_conversation(value) else None
        else:
            first = value
        if depth and isinstance(first, dict) and not are_spans(value):
            for key, inner in fields_of(first, depth - 1):
                # Of several answers that are right, the first.
                texts = isinstance(inner, list) and bool(inner) and isinstance(inner[0], str)
                yield f"{name}{DOT}{key}", inner[0] if texts else inner


def are_spans(value: Any) -> bool:
    """Whether it is a list of marks on a text, as annotation tools write them: where each begins
    and ends, and its label.
    """
    return isinstance(value, list) and bool(value) and all(map(is_span, value))


def is_span(value: Any) -> bool:
    if isinstance(value, dict):
        placed = any(ends <= value.keys() for ends in SPAN_ENDS)
        return placed and not value.keys().isdisjoint({"label", "labels"})
    if not isinstance(value, list) or len(value) != 3:
        return False
    start, end, label = value
    return isinstance(start, int) and isinstance(end, int) and isinstance(label, str)
