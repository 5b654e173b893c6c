"""Calls of tools are read out of what models write, and held against the reference's."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from curation import collect
from curation.curation_settings import Columns
from curation.sources.table_rows import rows_of_table
from curation.sources.tables.read_table import read_table
from evaluation.generation.answers import Answer
from evaluation.metrics.proposed_checks import Checks, checks_of_rows, with_calls
from evaluation.metrics.tool_call_scores import NO_TOOLS, UNKNOWN_FORM, ToolCallScores
from evaluation.report.report_data import right_lines, unchecked
from evaluation.scoring.built_in import COLUMNS
from evaluation.scoring.json_schemas import valid, validator
from project.records.data import Message, Row
from project.records.scenarios import Scenario, SimulatedUser
from project.records.tool_calls import call_text
from project.written_calls import UNREADABLE, WrittenCall, written_calls
from tests.curation.test_tool_rows import ANSWER, ASKED, RESULT, called, row, said
from tests.registry.test_model_card import measured

CASES = Path(__file__).parent / "bfcl_cases.jsonl"
F, G = WrittenCall("f", {"a": 1}), WrittenCall("g", {})
JSON = '{"name": "f", "arguments": {"a": 1}}'


def tool(name: str = "f", **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def column(
    calls: list[Any], tools: list[dict[str, Any]] | None = None, written: str | None = None
) -> str:
    own = [one["function"] for one in tools or [tool(), tool("g")]]
    return json.dumps({"tools": own, "calls": calls, "written": written})


def as_text(*calls: tuple[str, Any]) -> str:
    return "\n".join(call_text(name, json.dumps(own)) for name, own in calls)


def scored(answer: str, due: str) -> dict[str, float]:
    found = ToolCallScores().compute(answers=[answer], calls=[due])
    assert found
    return {name: one[0] for name, one in found.items()}


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"Let me look.\n<tool_call>\n{JSON}\n</tool_call>", [F]),
        (f"<tool_call>{JSON}</tool_call><tool_call>[{JSON}, {JSON}]</tool_call> bye", [F, F, F]),
        ('{"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}', [F, G]),
        (f"[TOOL_CALLS] [{JSON}]", [F]),
        (
            '{"tool_calls": [{"id": "1", "type": "function", '
            '"function": {"name": "f", "arguments": "{\\"a\\": 1}"}}]}',
            [F],
        ),
        ("[f(a=1), g()]", [F, G]),
        (f"Use {{braces}}:\n```json\n{JSON}\n``` and go.", [F]),
        (f"<think>\n{JSON}\n</think>\nNo need.", []),
        (f"<think>\n{JSON}", []),
        ("I will call nothing {yet} [see (below)].", []),
        ('{"name": "Ann", "age": 3}', []),
        ('{"name": "f", "description": "d", "parameters": {"type": "object"}}', []),
        (
            '<tool_call>{"name": "f", "arguments": {"a": "a </tool_call> \\"b\\" {"}}</tool_call>',
            [WrittenCall("f", {"a": 'a </tool_call> "b" {'})],
        ),
        ("[f(a='it\\'s (so)', b={'c': [True, None]})]",
         [WrittenCall("f", {"a": "it's (so)", "b": {"c": [True, None]}})]),
    ],
)  # fmt: skip
def test_calls_are_read_in_every_known_form(text: str, calls: list[WrittenCall]) -> None:
    assert written_calls(text) == calls


PAYS = {
    "a": {"type": "integer"},
    "b": {"type": "string"},
    "c": {"enum": ["1", 2]},
    "d": {"type": ["null", "string"]},
    "e": {},
}
TOLD = {"a": "1", "b": "1", "c": "1", "d": "null", "e": '{"x": [true]}', "f": "True", "g": "so"}
READ = {"a": 1, "b": "1", "c": "1", "d": "null", "e": {"x": [True]}, "f": True, "g": "so"}
XML = "".join(f"<parameter={key}>\n{told}\n</parameter>\n" for key, told in TOLD.items())
KEYS = "".join(
    f"<arg_key>{key}</arg_key>\n<arg_value>{told}</arg_value>\n" for key, told in TOLD.items()
)


def test_a_text_stays_one_wherever_the_schema_says_so() -> None:
    own = {
        "a": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "b": {"$ref": "#/$defs/name"},
        "c": {"const": "1"},
    }
    schema = {"properties": own, "$defs": {"name": {"type": "string"}}}
    told = "".join(f"<parameter={key}>1</parameter>" for key in own)
    text = f"<tool_call><function=f>{told}</function></tool_call>"
    assert written_calls(text, {"f": schema}) == [WrittenCall("f", dict.fromkeys(own, "1"))]


def test_a_call_without_arguments_is_the_name_of_a_tool() -> None:
    text = "<tool_call>g\n</tool_call>"
    assert written_calls(text) == written_calls(text, {"g": {}}) == [G]
    assert written_calls(text, {"f": {}}) == [UNREADABLE]


def test_arguments_that_stand_as_texts_are_what_the_schema_takes() -> None:
    for text in (
        f"I pay.\n<tool_call>\n<function=pay>\n{XML}</function>\n</tool_call>",
        f"\n<tool_call>pay\n{KEYS}</tool_call>",
    ):
        (call, none) = written_calls(
            f"{text}\n<tool_call>\n<function=g>\n</function>\n</tool_call>",
            {"pay": {"properties": PAYS}},
        )
        assert call == WrittenCall("pay", READ) and none == WrittenCall("g", {})
        assert written_calls(text, {"pay": {"properties": [1]}})[0].arguments
        due = column([["pay", READ]], [tool("pay", properties=PAYS)])
        assert scored(text, due)["calls_right"] == 1


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call><function=f>{XML}</tool_call>",
        f"<tool_call><function=f>{XML}</function> and more</tool_call>",
        f"<tool_call><function=f>{XML}</function>",
        f"<tool_call><function=f>{XML[:-14]}</function></tool_call>",
        f"<tool_call><function=f>{XML}{XML}</function></tool_call>",
        f"<tool_call>f{KEYS}",
        f"<tool_call>f{KEYS}</function></tool_call>",
        "<tool_call>f<arg_key>a</arg_key></tool_call>",
        f"<tool_call>\n{JSON[:-3]}",
        f"<tool_call>{JSON}}}</tool_call>",
        f"<tool_call>{JSON} and more</tool_call>",
        "<tool_call></tool_call>",
        '<tool_call>{"a": 1}</tool_call>',
        '{"name": "f", "arguments": {"a": 1,}}',
        '{"name": "f", "arguments": {"a": "say "hi" to"}}',
        '{"name": "f", "arguments": {"a": "cut',
        '<tool_call>{"name": "f", "arguments": {"a": NaN}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": {"a": 1, "a": 2}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": {"a": "\\ud800"}}</tool_call>',
        "[f(a='cut",
        "[f(a=1, 2)]",
    ],
)
def test_a_broken_call_is_a_call_that_cannot_be_read(text: str) -> None:
    assert written_calls(text) == [UNREADABLE]
    found = scored(text, column([["f", {"a": 1}]]))
    assert (found["calls_right"], found["calls_parsed"], found["missed_calls"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "f", "arguments": "no JSON"}</tool_call>',
        "[f(a=__import__('os').getcwd())]",
    ],
)
def test_a_call_whose_arguments_are_no_object_has_a_name_alone(text: str) -> None:
    assert written_calls(text) == [WrittenCall("f")]
    assert scored(text, column([["f", {}]]))["call_names"] == 1


def test_one_broken_call_leaves_those_behind_it() -> None:
    cut = f"<tool_call>\n{JSON[:-1]}\n</tool_call>\n<tool_call>\n{JSON}\n</tool_call>"
    assert written_calls(cut) == [UNREADABLE, F]


N = 300_000
HOSTILE = [
    "{" * N,
    '"' * N,
    '{"name":' * (N // 8),
    "<tool_call>" * (N // 11),
    '<tool_call>{\\"</tool_call>' * (N // 27),
    "<tool_call>" + '{"a":' * (N // 5),
    '<tool_call>{"' + '\\"' * (N // 2),
    "<tool_call><function=f>" + "<parameter=a>" * (N // 13),
    "<tool_call>f" + "<arg_key>a</arg_key><arg_value>" * (N // 31),
    "<tool_call>" + "f" * N,
    "<tool_call><function=f>" * (N // 23) + "</tool_call>",
    "[f(" * (N // 3),
    "[f(a=" + "-" * N + "1)]",
    "[f(a=" + "[" * N + "]" * N + ")]",
    "[f(a=" + "a." * N + "a)]",
    "[f(a=1)" + "()" * N + "]",
    '<tool_call>{"name":"f","arguments":{"a":' + "9" * N + "}}</tool_call>",
    as_text(*[("f", {"a": n}) for n in range(N // 60)]),
    "[" + " " * N,
    "\0" * N,
]


def test_no_answer_stops_the_scorer_or_takes_long() -> None:
    before = time.process_time()
    for text in HOSTILE:
        assert scored(text, column([["f", {"a": -1}]]))["calls_right"] == 0
    assert time.process_time() - before < 20


def test_a_large_argument_is_compared_whole() -> None:
    text = 'line \\ "quoted" {' * 60_000
    due = column([["f", {"a": text}]])
    assert scored(as_text(("f", {"a": text})), due)["calls_right"] == 1
    assert scored(as_text(("f", {"a": f"{text}x"})), due)["calls_right"] == 0


# --- what it is worth -----------------------------------------------------------------------------

DUE = [["f", {"a": 1, "b": "x"}], ["g", {}]]
BOTH: tuple[tuple[str, Any], ...] = (("g", {}), ("f", {"b": "x", "a": 1}))
METRICS = [name for name, *_ in ToolCallScores.ranges]


@pytest.mark.parametrize(
    ("answer", "due", "values"),
    [
        (as_text(*BOTH), DUE, (1, 1, 1, 1, 0, 1, 1, 0)),
        (as_text(*BOTH, ("g", {})), DUE, (0, 1, 1, 1, 0, 1, 1, 0)),
        (as_text(("f", {"a": 2, "b": "x", "c": 1})), DUE, (0, 0.5, 1 / 6, 1, 0, 1, 1, 0)),
        (as_text(("h", {}), ("g", {})), DUE, (0, 0.5, 0.5, 1, 0, 1, 0.5, 1)),
        ("Which account?", DUE, (0, 0, 0, 0, 1, 1, 1, 0)),
        ("Which account?", [], (1, 1, 1, 0, 1, 1, 1, 0)),
        (as_text(("g", {})), [], (0, 1, 1, 1, 0, 1, 1, 0)),
        (f"<tool_call>\n{JSON[:-3]}", DUE, (0, 0, 0, 1, 0, 0, 0, 0)),
    ],
)
def test_each_metric_says_one_thing(answer: str, due: list[Any], values: tuple[float, ...]) -> None:
    assert tuple(scored(answer, column(due)).values()) == pytest.approx(values)


def test_an_item_says_nothing_of_what_it_cannot_show() -> None:
    scorer = ToolCallScores()
    scorer.compute(answers=["a"] * 3, calls=["", column([]), column(DUE)])
    told = scorer.inapplicable
    assert told["calls_right"] == told["calls_valid"] == told["unknown_tools"] == [0]
    assert told["call_names"] == told["call_arguments"] == told["missed_calls"] == [0, 1]
    assert told["needless_calls"] == [0, 2]
    assert scorer.flags[NO_TOOLS] == [0]


OPTIONAL = {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "due", "made", "right"),
    [
        ({"type": "integer"}, 1, 1.0, True),
        ({"type": "number"}, 1, "1", True),
        ({"type": "number"}, 0.0012, "1.2e-03", True),
        ({"type": "string"}, "1", 1, False),
        ({"type": "string"}, "01", "1", False),
        ({"type": "boolean"}, True, 1, False),
        (OPTIONAL, 7, "7.0", True),
        (OPTIONAL, None, "null", False),
        ({"type": "string", "format": "date"}, "2026-05-01", "20260501", True),
        ({"type": "string", "format": "date"}, "2026-05-01", "2026-01-05", False),
        ({"type": "string"}, "2026-05-01", "20260501", False),
        (
            {"type": "string", "format": "date-time"},
            "2026-05-01T10:00:00Z",
            "2026-05-01T12:00+02:00",
            True,
        ),
        ({"enum": ["EUR", "USD"]}, "EUR", "eur", True),
        ({"enum": ["EUR", "eur"]}, "EUR", "eur", False),
        ({"type": "string"}, "Anna  Bell ", "Anna Bell", True),
        ({"type": "string"}, "Anna Bell", "anna bell", False),
        ({"type": "array"}, [1, 2], [2, 1], False),
        ({"type": "array", "uniqueItems": True}, [1, 2], [2, 1.0], True),
        ({"type": "array", "items": {"enum": ["A"]}}, ["A"], ["a"], True),
        ({"additionalProperties": {"type": "number"}}, {"b": 1}, {"b": "1"}, True),
    ],
)  # fmt: skip
def test_values_are_compared_by_the_schema(schema: Any, due: Any, made: Any, right: bool) -> None:
    defined: dict[str, Any] = {"$defs": {"n": {"type": "integer"}}}
    own = [tool(properties={"a": schema}, **defined)]
    found = scored(as_text(("f", {"a": made})), column([["f", {"a": due}]], own))
    assert (found["calls_right"], found["call_arguments"]) == (right, right)


def test_what_is_left_out_is_its_default_and_nothing_else() -> None:
    own = [tool(properties={"a": {"default": 3}, "b": {}})]
    assert scored(as_text(("f", {})), column([["f", {"a": 3}]], own))["calls_right"] == 1
    assert scored(as_text(("f", {})), column([["f", {"b": 3}]], own))["calls_right"] == 0
    found = scored(as_text(("f", {"b": 4})), column([["f", {"b": 3, "a": 3}]], own))
    assert found["call_arguments"] == 0  # nobody is right for what both leave to the tool


BOMB = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}


@pytest.mark.parametrize(
    ("parameters", "valid_one"),
    [
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, 1),
        ({"properties": {"a": {"type": "string"}}}, 0),
        ({"required": ["b"]}, 0),
        ({"additionalProperties": False}, 0),
        ({"$ref": "#/$defs/d0", "$defs": BOMB | {"d60": {"type": "integer"}}}, 0),
        ({"$ref": "#"}, 0),
        ({"properties": {"a": {"$ref": "#/nowhere"}}}, 1),  # which nothing can be held against
        ({"properties": {"a": {"$ref": "#", "default": {}}}}, 1),
    ],
)
def test_a_call_is_valid_where_it_fits_its_schema(parameters: Any, valid_one: int) -> None:
    found = scored(as_text(("f", {"a": 1})), column([["f", {"a": 1}]], [tool(**parameters)]))
    assert (found["calls_valid"], found["calls_right"]) == (valid_one, 1)


def test_a_long_list_is_unique_in_linear_time_as_json_has_it() -> None:
    made = validator({"uniqueItems": True})
    assert valid(made, json.dumps([{"a": n} for n in range(100_000)]))
    assert not valid(made, '[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}]')
    assert valid(made, '[1, true, "1", [1], {"0": 1}, [], {}]')


def test_items_whose_base_writes_calls_in_another_form_are_missing() -> None:
    scorer = ToolCallScores()
    forms = [" to=functions.f<|message|>{}", as_text(("f", {}))]
    scorer.compute(answers=["", ""], calls=[column([["f", {}]], written=own) for own in forms])
    assert scorer.unread["calls_right"] == scorer.flags[UNKNOWN_FORM] == [0]
    assert scorer.inapplicable["calls_right"] == []


# --- beside BFCL ----------------------------------------------------------------------------------

# The scorer's docstring says why.
DIFFERENCES = {
    "a whole number",
    "a number as a text",
    "a default",
    "an argument may be left out",
    "another spelling",
    "several right values",
}


def test_published_cases_of_bfcl_are_judged_as_there_but_for_named_differences() -> None:
    cases = list(map(json.loads, CASES.read_text().splitlines()))[1:]
    for case in cases:
        made = [(name, own) for name, own in case["made"]]
        found = scored(as_text(*made), column(case["calls"], case["tools"]))
        agrees = found["calls_right"] == case["bfcl"]
        assert agrees == ("differs" not in case), case["id"]
    assert {case.get("differs") for case in cases} == {None, *DIFFERENCES}


# --- around it ------------------------------------------------------------------------------------

CALLING, SAYING = row(ASKED, called()), row(ASKED, called(), RESULT, ANSWER)
PLAIN = Row.of("What is left?", "90.", group="g", source="s")


def test_a_row_says_what_may_be_called_and_what_has_to_be() -> None:
    given = Answer(item="a", text="", tokens=1, prompt_tokens=1)
    told = json.loads(COLUMNS["calls"].of(CALLING, given))  # type: ignore[arg-type]
    assert told["calls"] == [["get_balance", {"account": "savings"}]]
    assert [one["name"] for one in told["tools"]] == ["get_balance"]
    assert json.loads(COLUMNS["calls"].of(SAYING, given))["calls"] == []  # type: ignore[arg-type]
    assert COLUMNS["calls"].of(PLAIN, given) == ""


def test_rows_with_tools_are_proposed_the_scorer_and_told_of_it() -> None:
    found = checks_of_rows([CALLING, SAYING] * 40, [CALLING, SAYING] * 40)
    assert "calls" in found.scorers
    assert {"calls_right", "missed_calls", "needless_calls"} <= found.guards.keys()
    assert "calls" not in checks_of_rows([PLAIN] * 40, [PLAIN] * 40).scorers
    assert not with_calls(Checks(answers="a", held="b"), 29, 29).guards
    (line,) = unchecked({}, [CALLING.completion_text] * 40)
    assert "add calls to evaluation.scoring.metrics" in line


def test_rows_with_scenarios_are_proposed_the_scorer_of_conversations() -> None:
    talks = [PLAIN.model_copy(update={"scenario": Scenario(user=SimulatedUser(), say=(90,))})]
    found = checks_of_rows([SAYING, *talks] * 40, talks * 40)
    assert found.scorers[-1] == "conversation"
    assert {"goal", "failed_calls"} <= found.guards.keys()
    assert "may not come to their goals less often" in found.held
    few = checks_of_rows([PLAIN, *talks] * 29, [PLAIN, *talks] * 29)
    assert few.scorers[-1] == "conversation" and not {"goal", "failed_calls"} & few.guards.keys()
    # Whatever a conversation's last answer is like, the other scorers do not see it.
    without = checks_of_rows([PLAIN] * 29, [PLAIN] * 29)
    assert (few.guards, few.scorers[:-1]) == (without.guards, without.scorers)


def test_a_report_begins_with_the_calls_that_are_right_and_how_others_are_wrong() -> None:
    found = {"calls_right": measured(0.1, 0.5), "missed_calls": measured(0.1, 0.2)}
    (line,) = right_lines(found)
    assert line == (
        "right calls: 72 of 120 answers (champion 60); no call, though one is due: 36 of 120 "
        "answers (champion 24)"
    )


def test_every_answer_of_a_conversation_is_an_item_of_one_group() -> None:
    turns = [ASKED, called(), RESULT, ANSWER, said("user", "And now?"), called()]
    file = Path("chats.jsonl")
    file.write_text(json.dumps({"messages": turns, "tools": [tool("get_balance")]}))
    columns = Columns(messages="messages", turns="every", tools="keep")
    made = [one.made for one in rows_of_table(read_table(file), columns)]
    rows = [collect.with_turn(one) for one in made if isinstance(one, Row)]
    assert [(one.slices["turn"], one.slices["after"], one.slices["calls"]) for one in rows] == [
        ("1", "user", "yes"),
        ("2", "tool", "no"),
        ("3", "user", "yes"),
    ]
    assert len({one.group for one in rows}) == 1


def test_a_turn_of_a_conversation_with_tools_is_in_slices_by_what_it_is() -> None:
    calling = {"turn": "1", "after": "user", "calls": "yes", "asks_back": "no"}
    saying = {"turn": "2", "after": "tool", "calls": "no", "asks_back": "no"}
    assert collect.with_turn(CALLING).slices == calling
    assert collect.with_turn(SAYING).slices == saying
    question = Message(role="assistant", content="Which one?")
    asking = SAYING.model_copy(update={"completion": (question,)})
    assert collect.with_turn(asking).slices == saying | {"asks_back": "yes"}
    own = SAYING.model_copy(update={"slices": {"turn": "mine"}})
    assert collect.with_turn(own).slices["turn"] == "mine"
    assert collect.with_turn(PLAIN) is PLAIN
