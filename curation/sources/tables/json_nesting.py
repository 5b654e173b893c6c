"""Records that lie deeper in a JSON value: lists in objects, and records that hold others."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from curation.sources.columns.profiles.column_name import read_name
from curation.sources.tables.json_columns import is_conversation, is_records

DEEPEST = 3  # levels of objects above a list of records, and of records above others
PART = "part"  # the column that says under which key a record stands
# What tasks of annotation tools have.
TASKS = ({"data", "annotations"}, {"data", "completions"}, {"fields", "responses"})
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
    texts = all(isinstance(one, str) for one in value.values())
    return texts and sum(len(key.split()) > 2 for key in value) > len(value) / 2


def are_named_records(value: Any) -> bool:
    """Whether it is an object of records that all have the same names, two at least."""
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    first = next(iter(value.values()))
    if not isinstance(first, dict) or not asks_and_answers(first):
        return False
    return all(isinstance(one, dict) and one.keys() == first.keys() for one in value.values())


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
    if name is None or is_task(record) or asks_and_answers(record):
        return [dict(record)]
    beside = {key: value for key, value in record.items() if key != name}
    inner = (one for held in record[name] for one in flattened(held, depth - 1))
    return [{**beside, **one} for one in inner]


def is_task(record: Mapping[str, Any]) -> bool:
    """Whether an annotation tool wrote it: its lists are what people said of it."""
    names = record.keys()
    nested = any(names >= own for own in TASKS)
    return nested or any(name in names for name in ("_task_hash", "annotation_id"))


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
    """To judge by the names of its texts; a conversation does both."""
    told = {name: value for name, value in record.items() if isinstance(value, str | list | dict)}
    roles = {read_name(name).role for name in told}
    talks = any(map(is_conversation, told.values()))
    return talks or ("answer" in roles and not roles.isdisjoint(ASKED))


def are_alike(lists: Sequence[Held]) -> bool:
    """Whether the records of several lists have the same names, to judge by each list's first."""
    names = {frozenset(first_of(held)) for held in lists}
    return len(names) == 1
