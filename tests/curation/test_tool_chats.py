"""Conversations with tools are left out with a reason, or read as texts where that is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.curation_settings import Columns
from curation.sources.chat_shapes import with_tools_as_text
from curation.sources.columns.column_guess import guess
from curation.sources.table_rows import NamedColumns, rows_of_table
from curation.sources.tables.read_table import read_table
from curation.sources.tables.table import Table, TableRow
from project.records.data import Row

WEATHER = {"name": "weather", "parameters": {"type": "object"}}
CALL = {"name": "weather", "arguments": {"town": "Ulm"}}
SHAREGPT = [
    {"from": "system", "value": "Be brief."},
    {"from": "human", "value": "Rain?"},
    {"from": "function_call", "value": json.dumps(CALL)},
    {"from": "observation", "value": '{"rain": true}'},
    {"from": "gpt", "value": "Yes."},
]
OPENAI_CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"town": "Ulm"}'},
}
OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Rain?"},
    {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
    {"role": "tool", "tool_call_id": "1", "content": {"rain": True}},
    {"role": "assistant", "content": "Yes."},
]
OLD_OPENAI = [
    *OPENAI[:2],
    {"role": "assistant", "content": "", "function_call": OPENAI_CALL["function"]},
    {"role": "function", "name": "weather", "content": '{"rain": true}'},
    OPENAI[-1],
]
CALLED = f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
ANSWERED = '<tool_response>\n{"rain": true}\n</tool_response>'
TURNS = ["Be brief.", "Rain?", CALLED, ANSWERED, "Yes."]


def read(records: list[dict[str, Any]], **columns: Any) -> list[Row | str]:
    """The rows of records of conversations, or why there are none."""
    path = Path("chats.jsonl")
    path.write_text("\n".join(map(json.dumps, records)))
    reads = rows_of_table(read_table(path), Columns(messages="conversations", **columns))
    return [one.made if isinstance(one.made, Row) else str(one.origin.why) for one in reads]


def said(row: Row | str) -> list[str]:
    assert isinstance(row, Row), row
    return [message.content for message in (*row.prompt, *row.completion)]


@pytest.mark.parametrize("turns", [SHAREGPT, OPENAI, OLD_OPENAI])
def test_a_conversation_with_tools_is_left_out_or_read_as_texts_where_it_is_asked_for(
    turns: list[dict[str, Any]],
) -> None:
    (why,) = read([{"conversations": turns}])
    assert "tools: keep" in str(why)
    (row,) = read([{"conversations": turns}], tools="text")
    assert said(row) == TURNS
    assert isinstance(row, Row)
    assert [message.role for message in row.prompt] == ["system", "user", "assistant", "user"]


def test_a_call_is_an_answer_to_learn_of_its_own() -> None:
    rows = read([{"conversations": SHAREGPT}], tools="text", turns="every")
    assert [said(row)[-1] for row in rows] == [CALLED, "Yes."]


@pytest.mark.parametrize("tools", [[WEATHER], json.dumps([WEATHER])])
def test_what_tools_there_are_stands_in_the_system_prompt(tools: object) -> None:
    beside = {"conversations": SHAREGPT, "tools": tools}
    within = {"conversations": json.dumps(beside)}
    no_system = {"conversations": SHAREGPT[1:], "tools": tools}
    first, second, third = (said(row)[0] for row in read([beside, within, no_system], tools="text"))
    assert first == second == f"Be brief.\n\n{third}"
    assert f"<tools>\n{json.dumps(WEATHER)}\n</tools>" in third


def test_who_asks_for_tools_gets_columns_that_read_them_whatever_describes_them() -> None:
    record = {"conversations": SHAREGPT, "tools": "no list"}
    table = Table(Path("chats.json"), "json", tuple(record), (TableRow(1, record),) * 9)
    found = guess([table], NamedColumns(tools="text")).columns
    assert (found.messages, found.tools) == ("conversations", "text")
    assert {read.origin.why for read in rows_of_table(table, found)} == {
        "no conversation: tools that are no JSON: 'no list'"
    }


def test_several_calls_in_one_turn_are_all_kept() -> None:
    turns = [*SHAREGPT[:2], {"from": "function_call", "value": json.dumps([CALL, CALL])}]
    assert said(read([{"conversations": turns}], tools="text")[0])[-1] == f"{CALLED}\n{CALLED}"


def test_conversations_without_tools_are_the_same_either_way() -> None:
    chats: list[dict[str, Any]] = [
        {"conversations": [*SHAREGPT[:2], SHAREGPT[-1]]},
        {"conversations": "Q: a?\nA: b"},
    ]
    assert read(chats, tools="text") == read(chats)


@pytest.mark.parametrize(
    ("turn", "complaint"),
    [
        ({"from": "function_call", "value": "weather(Ulm)"}, "is no JSON"),
        ({"from": "function_call", "value": '{"arguments": {}}'}, "without a name"),
        ({"from": "function_call", "value": "[" * 100_000}, "is no JSON"),
        (
            {"role": "assistant", "function_call": {"name": "a", "arguments": "{"}},
            "arguments are no JSON",
        ),
    ],
)
def test_a_call_that_cannot_be_read_is_a_reason(turn: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        with_tools_as_text([SHAREGPT[1], turn])


def test_tools_that_cannot_be_read_are_a_reason() -> None:
    (why,) = read([{"conversations": SHAREGPT, "tools": "no list"}], tools="text")
    assert "tools that are no JSON" in str(why)
