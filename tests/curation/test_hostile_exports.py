"""Whatever an export holds, it is read or refused: no other error, and nothing half-made."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.sources.exports.export_judgements import agreement
from curation.sources.source_file import EXPORTS, format_of
from project.errors import InputError
from tests.curation.exports_read import EXAMPLES, judged, source

KEYS = """
    data annotations completions result value choices text ranker selected completed_by label
    answer accept options id user_id responses fields values prompt chosen rejected completion
    messages role content from rank status good question
"""
NAMES = st.sampled_from(KEYS.split())
PLAIN = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=4) | NAMES
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
# What an export of each kind is read with.
READ_WITH: dict[str, list[dict[str, Any]]] = {
    "label-studio": [
        {},
        {"prompt": "question", "completion": "answer"},
        {"prompt": "question", "answers": {"left": "one", "right": "two"}},
        {"prompt": "question", "completion": "answer", "control": "quality", "good": "Good"},
    ],
    "prodigy": [{}, {"completion": "response"}, {"options": "answers"}],
    "argilla": [
        {},
        {"prompt": "prompt", "control": "preference", "answers": {"response1": "response1"}},
        {"completion": "reply", "good": [4, 5]},
    ],
    "preferences": [{}],
    "rated": [{}, {"good": "good"}],
}
FOLDERS = {"preferences": "preferences", "rated": "preferences", "label-studio": "label_studio"}
CASES = [(name, fields) for name, several in READ_WITH.items() for fields in several]
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def examples(name: str) -> Iterator[list[Any]]:
    for path in sorted((EXAMPLES / FOLDERS.get(name, name)).iterdir()):
        text = path.read_text()
        yield (
            json.loads(text)
            if path.suffix == ".json"
            else list(map(json.loads, text.split("\n")[:-1]))
        )


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value inside of a value."""
    yield before
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield from places(value[key], (*before, key))


def spoilt(value: Any, way: tuple[Any, ...], by: Any) -> Any:
    if not way:
        return by
    first, *rest = way
    if isinstance(value, dict):
        return {**value, first: spoilt(value[first], tuple(rest), by)}
    return [spoilt(v, tuple(rest), by) if i == first else v for i, v in enumerate(value)]


def read_or_refuse(name: str, path: Path, fields: dict[str, Any]) -> None:
    try:
        judgements = judged(name, path.absolute(), **fields).judgements
    except InputError as error:
        assert path.name in str(error)
        return
    assert all(bool(one.made) != bool(one.why) for one in judgements)
    assert agreement(judgements).tasks >= 0


@pytest.mark.parametrize(("name", "fields"), CASES)
@QUICK
@given(data=st.data())
def test_an_export_with_a_wrong_value_somewhere(
    name: str, fields: dict[str, Any], data: st.DataObject
) -> None:
    records = data.draw(st.sampled_from(list(examples(name))))
    way = data.draw(st.sampled_from(list(places(records))))
    hostile = spoilt(records, way, data.draw(VALUES))
    path = Path("hostile.json")
    path.write_text(json.dumps(hostile))
    read_or_refuse(name, path, fields)
    if isinstance(hostile, list):
        format_of([one for one in hostile if isinstance(one, dict)])


@pytest.mark.parametrize(("name", "fields"), CASES)
@QUICK
@given(records=st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=3))
def test_records_of_anything(name: str, fields: dict[str, Any], records: list[Any]) -> None:
    path = Path("hostile.jsonl")
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    read_or_refuse(name, path, fields)
    format_of(records)


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "[1, 2]", "7", '[{"a": 1}, 2]'])
def test_what_is_no_list_of_objects(name: str, text: str) -> None:
    path = Path("hostile.json")
    path.write_text(text)
    with pytest.raises(InputError):
        judged(name, path.absolute())


def test_a_record_that_is_none_may_be_left_out_and_is_counted() -> None:
    path = Path("pairs.jsonl").absolute()
    path.write_text('{"prompt": "Who?", "chosen": "Me.", "rejected": "You."}\n{"prompt": "Wh\n')
    with pytest.raises(InputError, match=r"pairs\.jsonl:2: "):
        list(EXPORTS["preferences"].read(source("preferences", path)))
    whys = [
        read.origin.why
        for read in EXPORTS["preferences"].read(source("preferences", path, skip=True))
    ]
    assert whys == [None, "unreadable"]
