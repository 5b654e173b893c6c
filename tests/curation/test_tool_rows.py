"""Conversations with tools come in whole, from every form that people have, and reach the gate."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from curation import collect, curate, validate
from curation.sources.row_formats import read_row
from curation.sources.tool_turns import tool_chat
from project import paths
from project.errors import InputError
from project.records.data import GateReport, Origin, Row, Split
from project.records.preferences import PreferencePair, RatedAnswer, read_preferences
from project.records.record import Record
from project.records.tool_calls import DEEPEST
from project.records.traffic import Traffic
from tests.conftest import ROOT
from tests.incumbent.imported import SOURCES, brought

FILES = Path(__file__).parent / "tool_files"
# Of each file: how many records are kept, and in a few words why each of the others is not.
KEPT: dict[str, tuple[int, list[str]]] = {
    "llama-factory.json": (3, ["a tool that nobody called"]),
    "openai.jsonl": (
        4,
        [
            "a tool that nobody called",
            "is no JSON",
            "none of its answers is learnt",
            "no JSON schema",
        ],
    ),
    "openai-functions.jsonl": (2, ["without a name"]),
    "openai-drone.jsonl": (2, []),
    "hermes.json": (3, ["without its end"]),
    "glaive.json": (3, ["is no JSON: 'block_card(main)'"]),
}
TOOL = {"type": "function", "function": {"name": "get_balance", "parameters": {"type": "object"}}}
PARAMS = """\
base: {max_length: 900}
curation:
  collect:
    sources:
      - {kind: file, path: datasets/sources/first.jsonl}
  validate: {contract: datasets/contracts/sft.yaml, embedded_rows: 0}
"""


def called(arguments: str = '{"account": "savings"}', **more: object) -> dict[str, Any]:
    function = {"name": "get_balance", "arguments": arguments}
    call = {"id": "c", "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [call], **more}


def said(role: str, content: str, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


ASKED = said("user", "What is left?")
RESULT = said("tool", '{"balance": 90}', tool_call_id="c")
ANSWER = said("assistant", "90 francs are left.")


def row(*turns: dict[str, Any], **more: object) -> Row:
    fields = {"messages": turns or (ASKED, called(), RESULT, ANSWER), "tools": [TOOL], **more}
    return read_row(json.dumps(fields).encode(), Path("rows.jsonl"), 1)


@pytest.fixture
def project(pinned_base: None) -> None:
    """A project with a source, whose contract is what the sample's says of rows."""
    SOURCES.mkdir(parents=True)
    (SOURCES / "first.jsonl").write_text('{"prompt": "What is a bank?", "completion": "A shop."}\n')
    contract = Path("datasets/contracts/sft.yaml")
    contract.parent.mkdir(parents=True)
    contract.write_text((ROOT / contract).read_text().split("  # --- what a row says")[0])
    Path("params.yaml").write_text(PARAMS)


# --- to the gate ----------------------------------------------------------------------------------


def test_every_record_of_every_file_with_tools_is_accounted_for_up_to_the_gate(
    project: None,
) -> None:
    kept = sum(count for count, _ in KEPT.values())
    for name, (count, whys) in KEPT.items():
        told = json.loads(brought(str(FILES / name), "--json"))
        assert told["read"] == count + len(whys)
        assert all(any(why in reason for reason in told["left_out"]) for why in whys), told
        assert sum(map(len, told["left_out_at"].values())) == len(whys)  # with file and line
    collect.main()
    curate.main()
    validate.main()
    with paths.ACCOUNT.open(newline="") as file:
        fates = list(csv.DictReader(file))
    assert [one["why"] for one in fates if not one["part"]] == []
    rows = [row for part in Split for row in Row.read_lines(paths.rows_of(part))]
    assert GateReport.read(paths.GATE_REPORT).row_count == len(rows) == len(fates) == kept + 1
    assert sum(bool(row.calls) for row in rows) == 5
    assert sum(any(turn.role == "tool" for turn in row.prompt) for row in rows) == 8
    assert sum(bool(row.tools) for row in rows) == kept - 1  # one of glaive's has none


def test_calls_and_results_are_the_same_in_whichever_form_they_come() -> None:
    argument = {"account": "savings"}
    call = json.dumps({"name": "get_balance", "arguments": argument})
    function = {"name": "get_balance", "arguments": json.dumps(argument)}
    system = f"<tools>{json.dumps([TOOL])}</tools>"
    forms: list[tuple[Any, dict[str, Any]]] = [
        ([ASKED, called(), RESULT, ANSWER], {"tools": [TOOL]}),
        (
            [
                ASKED,
                {"role": "assistant", "content": None, "function_call": function},
                said("function", RESULT["content"], name="get_balance"),
                ANSWER,
            ],
            {"functions": [TOOL["function"]]},
        ),
        (
            [
                {"from": "human", "value": ASKED["content"]},
                {"from": "function_call", "value": call},
                {"from": "observation", "value": RESULT["content"]},
                {"from": "gpt", "value": ANSWER["content"]},
            ],
            {"tools": json.dumps([TOOL["function"]])},
        ),
        (
            [
                {"from": "system", "value": system},
                {"from": "human", "value": ASKED["content"]},
                {"from": "gpt", "value": f"<tool_call>\n{call}\n</tool_call>"},
                {"from": "tool", "value": f"<tool_response>{RESULT['content']}</tool_response>"},
                {"from": "gpt", "value": ANSWER["content"]},
            ],
            {},
        ),
        (
            f'USER: {ASKED["content"]} ASSISTANT: <functioncall> {{"name": "get_balance", '
            f"\"arguments\": '{json.dumps(argument)}'}} <|endoftext|> FUNCTION RESPONSE: "
            f"{RESULT['content']} ASSISTANT: {ANSWER['content']} <|endoftext|>",
            {
                "system": "SYSTEM: You help with access to the following functions. Use them if "
                f"required -\n{json.dumps(TOOL['function'])}"
            },
        ),
    ]
    read = [tool_chat(value, beside) for value, beside in forms]
    assert all(chat.tools == [TOOL] for chat in read)
    turns = [[(m.role, m.text) for m in chat.messages if m.role != "system"] for chat in read]
    assert turns[1:] == turns[:1] * 4
    assert [role for role, _ in turns[0]] == ["user", "assistant", "tool", "assistant"]


# --- the record -----------------------------------------------------------------------------------


def test_a_row_without_tools_has_the_bytes_that_it_had() -> None:
    plain = Row.of("What is left?", "90 francs.", group="g", source="s", row_id="r")
    assert plain.canonical() == (
        b'{"completion":[{"content":"90 francs.","role":"assistant"}],"group":"g","id":"r",'
        b'"prompt":[{"content":"What is left?","role":"user"}],"slices":{},"source":"s"}'
    )
    assert (plain.tools_digest, plain.tools_text, plain.calls) == ("", "", ())
    assert plain.asked_and_expected == ["What is left?", "90 francs."]


def test_a_row_with_tools_comes_back_from_a_file_as_it_was_and_gives_its_calls_parsed() -> None:
    own = row(ASKED, called('{"account": "Spar\\u00fcber"}'))
    assert Row.parse(own.canonical(), Path("rows.jsonl")) == own
    ((call,),) = (own.calls,)
    assert (call.name, call.arguments) == ("get_balance", {"account": "Sparüber"})
    assert own.completion_text == (
        '<tool_call>\n{"name": "get_balance", "arguments": {"account": "Sparüber"}}\n</tool_call>'
    )


def test_arguments_that_are_json_once_more_are_read_as_an_object() -> None:
    """As in some lines of examples/data/drone_training.jsonl of openai-cookbook."""
    (call,) = row(ASKED, called(json.dumps('{"location": "current"}'))).calls
    assert call.arguments == {"location": "current"}


DEEP = "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)
REFUSED: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, Any], str]] = {
    "a result without a call": ((ASKED, RESULT, ANSWER), {}, "nobody called"),
    "a call without a result": ((ASKED, called(), ASKED, ANSWER), {}, "has no result"),
    "a result of another call": (
        (ASKED, called(), {**RESULT, "tool_call_id": "x"}, ANSWER),
        {},
        "which is none",
    ),
    "an unknown role": ((ASKED, called(), RESULT, said("critic", "Well.")), {}, "who is 'critic'"),
    "arguments that are no JSON": ((ASKED, called("{account}")), {}, "is no JSON"),
    "arguments that are no object": ((ASKED, called("[1]")), {}, "is no JSON object"),
    "arguments with a key twice": ((ASKED, called('{"a": 1, "a": 2}')), {}, "a key twice"),
    "arguments with NaN": ((ASKED, called('{"a": NaN}')), {}, "NaN"),
    "arguments that are nested deep": ((ASKED, called('{"a": ' + DEEP + "}")), {}, "nested"),
    "arguments of brackets": ((ASKED, called('{"a":' * 100_000)), {}, "nested too deep"),
    "half a character": ((ASKED, called('{"a": "\\ud800"}')), {}, "half of a character"),
    "no JSON schema": (
        (ASKED, ANSWER),
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": 1}}}]},
        "no JSON schema",
    ),
    "tools that are no tools": ((ASKED, ANSWER), {"tools": ["get_balance"]}, "is no object"),
    "two tools of one name": ((ASKED, ANSWER), {"tools": [TOOL, TOOL]}, "two tools of the name"),
    "a user who calls": (
        (said("user", "", tool_calls=called()["tool_calls"]), ANSWER),
        {},
        "calls",
    ),
    "no answer to learn": ((ASKED, {**ANSWER, "weight": 0}), {}, "none of its answers is learnt"),
}


@pytest.mark.parametrize(("turns", "more", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_conversation_with_tools_is_refused_with_file_line_and_field(
    turns: tuple[dict[str, Any], ...], more: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=r"^rows\.jsonl:1: (messages|completion): ") as error:
        row(*turns, **more)
    assert why in str(error.value)


def test_a_canonical_row_is_held_to_the_same() -> None:
    fields = {"prompt": [ASKED, RESULT], "completion": [ANSWER], "tools": [TOOL]}
    with pytest.raises(InputError, match=r"completion: .*nobody called"):
        read_row(json.dumps(fields).encode(), Path("rows.jsonl"), 1)
    with pytest.raises(InputError, match=r"tools: .*has no name"):
        nameless = {"type": "function", "function": {"name": ""}}
        own = {"prompt": "a?", "completion": "b", "tools": [nameless]}
        read_row(json.dumps(own).encode(), Path("rows.jsonl"), 1)


# --- tools of a project ---------------------------------------------------------------------------


def test_a_file_of_tools_is_for_every_row_that_names_none(project: None) -> None:
    other = {**TOOL, "function": {**TOOL["function"], "name": "block_card"}}
    own = row(id="own")
    plain = {"prompt": "What is a loan?", "completion": "Money.", "id": "plain"}
    (SOURCES / "first.jsonl").write_bytes(own.canonical() + b"\n" + json.dumps(plain).encode())
    (SOURCES / "tools.json").write_text(json.dumps([other["function"]]))
    settings = "  collect:\n    tools: datasets/sources/tools.json\n"
    Path("params.yaml").write_text(PARAMS.replace("  collect:\n", settings))
    collect.main()
    rows = {one.id: one for one in Row.read_lines(paths.RAW)}
    assert rows["own"] == collect.with_turn(own)
    assert rows["plain"].tools == (other,)
    for text, why in {
        "{": "is not JSON",
        "[]": "holds no tools",
        "[{}]": "tool 1 is not in",
    }.items():
        (SOURCES / "tools.json").write_text(text)
        with pytest.raises(InputError, match=rf"tools\.json.*curation\.collect\.tools.*{why}"):
            collect.main()


def test_pairs_of_a_right_and_a_wrong_call_come_in_with_their_tools(project: None) -> None:
    """OpenAI's form of a preference; what has no tools of its own has the project's."""
    pair = {"prompt": [ASKED], "chosen": [called()], "rejected": [said("assistant", "90 francs.")]}
    after = {**pair, "prompt": [ASKED, called(), RESULT], "chosen": [ANSWER], "tools": [TOOL]}
    file = Path("datasets/sources/pairs.jsonl")
    file.write_text("".join(json.dumps(one) + "\n" for one in (pair, after)))
    Path("datasets/sources/tools.json").write_text(json.dumps([TOOL]))
    params = PARAMS.replace("  validate:", "    tools: datasets/sources/tools.json\n  validate:")
    source = "      - {kind: file, path: datasets/sources/pairs.jsonl, format: preferences}\n"
    Path("params.yaml").write_text(params.replace("    tools:", f"{source}    tools:"))
    collect.main()
    first, second = read_preferences(paths.RAW_PREFERENCES)
    assert isinstance(first, PreferencePair) and isinstance(second, PreferencePair)
    assert first.tools == second.tools == (TOOL,)
    assert (first.chosen, first.rejected) == (row(ASKED, called()).completion_text, "90 francs.")
    assert [turn.role for turn in second.messages or ()] == ["user", "assistant", "tool"]
    origins = [one.row for one in Origin.read_lines(paths.ORIGINS) if one.file == "pairs.jsonl"]
    assert origins == [first.id, second.id]


@pytest.mark.parametrize("kind", [Row, PreferencePair, RatedAnswer, Traffic])
def test_every_record_takes_the_same_tools(kind: type[Record]) -> None:
    told = {"prompt": "a", "completion": "b", "chosen": "b", "rejected": "c", "label": True}
    told |= {"id": "1", "at": "2026-01-01T00:00:00Z", "response": "b", "group": "g", "source": "s"}
    if kind is Row:
        told |= {"prompt": [ASKED], "completion": [ANSWER]}
    own = {name: value for name, value in told.items() if name in kind.model_fields}
    assert b"get_balance" in kind.model_validate(own | {"tools": [TOOL]}).canonical()
    for tools in ([], [TOOL, TOOL], [{"type": "function"}]):
        if kind is Traffic:  # in somebody's own log the field may be anything
            assert b'"tools"' not in kind.model_validate(own | {"tools": tools}).canonical()
        else:
            with pytest.raises(ValidationError, match="tools"):
                kind.model_validate(own | {"tools": tools})
