"""Calls in an answer are its `tool_calls`, whichever engine wrote them, whole and in streams."""

import json
import time
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from evaluation.generation.backends.adapter_servers import VllmReplica
from project.errors import InputError
from project.records.traffic import Traffic
from project.settings import PARAMS
from project.written_calls import WrittenCall, words_beside, written_calls
from serving.called_tools import LONGEST, MAY_BEGIN, MOST_ARGUMENTS, MOST_TOOLS, AnswerReader
from serving.deploying.route_table import RouteTable
from serving.gateway_server import create_app, running, service_here
from serving.openai_api.answer import HeardAnswer
from serving.traffic_log.logged_lines import answer_line
from tests.evaluation.engine_server import Asked, Reply, engine_server
from tests.serving.conftest import (
    ADDRESS,
    Listener,
    MakeGateway,
    NamingBackend,
    asking,
    deployment,
)
from tests.serving.test_openai_api import CHAT, V7, events_of
from tests.serving.test_request_fields import SGLANG, VLLM

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {"type": "object", "properties": {"account": {"type": "string"}}},
        },
    }
    for name in ("get_balance", "lock")
]
LEFT = '{"name": "get_balance", "arguments": {"account": "säving"}}'
LOCK = '{"name": "lock", "arguments": {}}'
MARKED = f"<tool_call>\n{LEFT}\n</tool_call>"
BOTH = f"{MARKED}\n<tool_call>\n{LOCK}\n</tool_call>"
FIRST, SECOND = ("get_balance", {"account": "säving"}), ("lock", {})
Calls = list[tuple[str, dict[str, Any]]]
# A text, what is said in words, and the calls in it.
ANSWERS: list[tuple[str, str | None, Calls]] = [
    ("90 francs [1] {or so}.", "90 francs [1] {or so}.", []),
    (MARKED, None, [FIRST]),
    (f"I look.\n{BOTH}", "I look.", [FIRST, SECOND]),
    (f"<think>\nA {MARKED}?\n</think>\n\nNo.", f"<think>\nA {MARKED}?\n</think>\n\nNo.", []),
    (f"{MARKED} Wait.", "Wait.", [FIRST]),
    (LEFT.replace("arguments", "parameters"), None, [FIRST]),
    (f"I look. [{LEFT}, {LOCK}]", "I look.", [FIRST, SECOND]),
    ("[get_balance(account='säving')]", None, [FIRST]),
    (MARKED[:-14], MARKED[:-14], []),
    (f"I look.\n{BOTH[:-20]}", f"I look.\n{BOTH[:-20]}", []),
    ("a <tool_ca", "a <tool_ca", []),
    ('{"name": "Bob"}', '{"name": "Bob"}', []),
]


def whole(text: str) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop"}
    return {"choices": [{**choice, "message": {"role": "assistant", "content": text}}]}


def pieces(text: str, size: int) -> list[dict[str, Any]]:
    """A stream whose last chunk has the text's end and why it ended, as vLLM's has."""
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    told = [{"role": "assistant", "content": ""}, *({"content": part} for part in parts)]
    ends = [None] * (len(told) - 1) + ["stop"]
    return [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in zip(told, ends, strict=True)
    ]


def joined(answer: str) -> dict[str, Any]:
    """The message that a stream adds up to, as OpenAI's client does it; and why it ended."""
    found: dict[str, Any] = {"content": "", "tool_calls": [], "reasons": []}
    for event in events_of(answer)[:-1]:
        (choice,) = json.loads(event)["choices"]
        words = choice["delta"].get("content") or ""
        assert not found["tool_calls"] or not words
        found["content"] += words
        for part in choice["delta"].get("tool_calls", ()):
            if "id" in part:
                assert part["index"] == len(found["tool_calls"]) and part["function"]["name"]
                found["tool_calls"].append(part)
            else:
                call = found["tool_calls"][part["index"]]["function"]
                call["arguments"] += part["function"]["arguments"]
        found["reasons"].append(choice["finish_reason"])
    assert not any(found["reasons"][:-1])
    return found


def calls_of(message: dict[str, Any]) -> Calls:
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
        if call["id"].startswith("call_") and call["type"] == "function"
    ]


@pytest.mark.parametrize(("text", "words", "calls"), ANSWERS)
def test_calls_in_a_text_are_calls_of_the_answer(
    client: TestClient, backend: NamingBackend, text: str, words: str | None, calls: Calls
) -> None:
    backend.fields = whole(text)
    (choice,) = client.post(CHAT, json=asking(tools=TOOLS)).json()["choices"]
    assert choice["message"]["content"] == words and calls_of(choice["message"]) == calls
    assert choice["finish_reason"] == ("tool_calls" if calls else "stop")
    for size in (1, 7, 999):
        backend.chunks = pieces(text, size)
        found = joined(client.post(CHAT, json=asking(tools=TOOLS, stream=True)).text)
        assert found["content"].strip() == (words or "") and calls_of(found) == calls
        assert found["reasons"][-1] == choice["finish_reason"]


def test_a_stream_that_ends_without_a_reason_is_told_whole_and_none_ends_twice(
    client: TestClient, backend: NamingBackend
) -> None:
    for text, calls in ((MARKED, [FIRST]), (MARKED[:-14], [])):
        *backend.chunks, last = pieces(text, 5)
        backend.chunks.append({"choices": [last["choices"][0] | {"finish_reason": None}]})
        found = joined(client.post(CHAT, json=asking(tools=TOOLS, stream=True)).text)
        assert found["content"] == ("" if calls else text) and calls_of(found) == calls
    # Some servers send a chunk behind the end, with the counts of tokens.
    behind = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    backend.chunks = [*pieces(MARKED, 9), {"choices": [behind]}]
    events = events_of(client.post(CHAT, json=asking(tools=TOOLS, stream=True)).text)[:-1]
    reasons = [json.loads(event)["choices"][0]["finish_reason"] for event in events]
    assert [reason for reason in reasons if reason] == ["tool_calls"]


def test_words_are_not_kept_back_and_the_mark_of_a_call_is(
    client: TestClient, backend: NamingBackend
) -> None:
    backend.chunks = pieces(f"I look [now].\n{MARKED}", 1)
    events = events_of(client.post(CHAT, json=asking(tools=TOOLS, stream=True)).text)[:-1]
    told = [json.loads(event)["choices"][0]["delta"].get("content") for event in events]
    assert [word for word in told if word][:3] == ["I", " l", "o"]
    assert "".join(word for word in told if word) == "I look [now]."


def test_without_tools_or_with_choice_none_an_answer_stays_a_text_and_one_call_is_the_first(
    client: TestClient, backend: NamingBackend
) -> None:
    backend.fields = whole(MARKED)
    for fields in ({}, {"tools": TOOLS, "tool_choice": "none"}):
        (choice,) = client.post(CHAT, json=asking(**fields)).json()["choices"]
        assert choice["message"]["content"] == MARKED
    backend.fields = whole(BOTH)
    one_at_a_time = asking(tools=TOOLS, parallel_tool_calls=False)
    (choice,) = client.post(CHAT, json=one_at_a_time).json()["choices"]
    assert calls_of(choice["message"]) == [FIRST]


def test_what_an_engine_tells_as_calls_is_passed_on(
    client: TestClient, backend: NamingBackend
) -> None:
    call = {"id": "x", "type": "function", "function": {"name": "lock", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    own = {"index": 0, "finish_reason": "tool_calls"}
    backend.fields = {"choices": [{**own, "message": said}]}
    assert client.post(CHAT, json=asking(tools=TOOLS)).json()["choices"] == [
        {**own, "message": said}
    ]
    backend.chunks = [{"choices": [{**own, "delta": {"tool_calls": [{**call, "index": 0}]}}]}]
    found = joined(client.post(CHAT, json=asking(tools=TOOLS, stream=True)).text)
    assert found["tool_calls"] == [{**call, "index": 0}] and found["reasons"][-1] == "tool_calls"


# --- what is refused ------------------------------------------------------------------------------

ASKED = {"role": "user", "content": "What is left?"}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "90"}


def called(arguments: object = "{}", **more: object) -> dict[str, Any]:
    call = {"id": "1", "type": "function", "function": {"name": "lock", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **more}


DEEP = '{"a":' * 65 + "1" + "}" * 65
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a result without a call": ("messages", {"messages": [ASKED, RESULT]}),
    "a call without a result": ("messages", {"messages": [ASKED, called(), ASKED]}),
    "another call's result": (
        "messages",
        {"messages": [ASKED, called(), RESULT | {"tool_call_id": "2"}]},
    ),
    "long arguments": (
        "messages",
        {"messages": [ASKED, called(json.dumps({"a": "b" * MOST_ARGUMENTS})), RESULT]},
    ),
    "arguments that are no JSON": ("messages", {"messages": [ASKED, called("lock it"), RESULT]}),
    "arguments that are nested": ("messages", {"messages": [ASKED, called(DEEP), RESULT]}),
    "a call of nothing": ("messages", {"messages": [ASKED, called() | {"tool_calls": [{}]}]}),
    "a user's call": ("messages", {"messages": [called(role="user"), RESULT]}),
    "an unknown role": ("messages.0.role", {"messages": [{"role": "oracle", "content": "x"}]}),
    "no schema": (
        "tools",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "x"}}}]},
    ),
    "no name": ("tools", {"tools": [{"type": "function", "function": {}}]}),
    "two of a name": ("tools", {"tools": [TOOLS[0], TOOLS[0]]}),
    "many tools": ("tools", {"tools": TOOLS[:1] * (MOST_TOOLS + 1)}),
    "long tools": (
        "tools",
        {"tools": [{"type": "function", "function": {"name": "f", "description": "x" * 70_000}}]},
    ),
}


@pytest.mark.attack
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_conversation_with_tools_is_refused_by_its_field(
    make_gateway: MakeGateway, backend: NamingBackend, case: str
) -> None:
    param, fields = REFUSED[case]
    for engine in ({}, VLLM):
        with TestClient(create_app(make_gateway(**engine)), ADDRESS) as client:
            began = time.monotonic()
            answer = client.post(CHAT, json=asking(tools=TOOLS) | fields)
            assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
            assert time.monotonic() - began < 2
    assert not backend.asked


@pytest.mark.attack
@pytest.mark.parametrize("part", [" ", "[ ", "{", "[a.", LEFT[:25], "<tool_call>", "</think>"])
def test_a_text_of_beginnings_takes_no_time(part: str) -> None:
    reader, began = AnswerReader(several=True), time.process_time()
    for _ in range(4000):
        reader.words(part)
    reader.rest()
    assert time.process_time() - began < 2


@pytest.mark.attack
@pytest.mark.parametrize(
    "begins", ["", "[", "[f(", "{", '{"name"', " [", "[{", "<tool_call>", "[f(a=", "[" * 99]
)
@pytest.mark.parametrize("goes_on", ["a", " ", "\n", "_", "<"])
def test_a_stream_is_looked_through_in_proportion_to_its_length(
    monkeypatch: pytest.MonkeyPatch, begins: str, goes_on: str
) -> None:
    """Counted are the characters in which a call is looked for."""

    class Counting:
        characters = 0

        def search(self, text: str, pos: int = 0, partial: bool = False) -> Any:
            self.characters += len(text) - pos
            return MAY_BEGIN.search(text, pos, partial=partial)

    def looked_through(chunks: int) -> int:
        counting = Counting()
        monkeypatch.setattr("serving.called_tools.MAY_BEGIN", counting)
        reader = AnswerReader(several=True)
        told = reader.words(begins) + "".join(reader.words(goes_on) for _ in range(chunks))
        assert told + reader.rest()[0] == begins + goes_on * chunks
        return counting.characters

    assert looked_through(4 * LONGEST) <= 2.5 * looked_through(2 * LONGEST)


@pytest.mark.parametrize("blanks", [0, 9, 2 * LONGEST])
def test_a_call_behind_many_blanks_is_a_call_in_a_stream(blanks: int) -> None:
    for call in (MARKED, f"[{LEFT}]", "[get_balance(account='säving')]"):
        reader = AnswerReader(several=True)
        told = "".join(map(reader.words, f"I look.{' ' * blanks}{call}"))
        words, calls = reader.rest()
        assert (told + words).strip() == "I look." and len(calls) == 1


def test_versions_that_were_judged_by_a_grammar_are_served_by_an_engine_that_has_it() -> None:
    PARAMS.write_text(
        "registry: {family: bank}\n"
        "evaluation: {decoding: {constrained: true}}\n"
        "serving: {backend: sglang, pools: [{base: a, replicas: ['http://127.0.0.1:9/v1']}]}\n"
    )
    with (
        pytest.raises(InputError, match="constrained: sglang holds calls to no grammar"),
        service_here(),
    ):
        pass


# --- servers --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_servers_are_asked_as_evaluation_asks_them(
    make_gateway: MakeGateway, backend: NamingBackend, knows: Any
) -> None:
    backend.fields = whole(MARKED)
    turns = {"messages": [ASKED, called(), RESULT, ASKED]}

    def asked(engine: dict[str, Any], **fields: Any) -> dict[str, Any]:
        with TestClient(create_app(make_gateway(**engine)), ADDRESS) as client:
            answer = client.post(CHAT, json=asking(tools=TOOLS) | turns | fields)
        if not answer.is_success:
            return dict(answer.json()["error"])
        assert bool(calls_of(answer.json()["choices"][0]["message"])) == bool(backend.fields)
        return backend.asked[-1]

    knows("qwen2_5")
    assert asked(VLLM)["tool_choice"] == "none" and asked(SGLANG)["tool_choice"] == "auto"
    assert asked(VLLM)["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert list(asked(VLLM)["tools"][0]["function"]) == ["name", "description", "parameters"]
    backend.fields = {}
    named = {"type": "function", "function": {"name": "lock"}}
    assert asked(SGLANG, tool_choice=named)["tool_choice"] == named
    backend.fields = whole(MARKED)
    held = asked(VLLM, tool_choice=named, parallel_tool_calls=False)
    assert held["tool_choice"] == "none" and len(held["tools"]) == len(TOOLS)
    grammar = held["structured_outputs"]["grammar"]
    assert "lock" in grammar and "get_balance" not in grammar
    unknown = named | {"function": {"name": "unlock"}}
    assert asked(VLLM, tool_choice=unknown)["param"] == "tool_choice"
    two: dict[str, Any] = {"tool_choice": named, "response_format": {"type": "json_object"}}
    assert asked(VLLM, **two)["param"] == "response_format"
    strict = [{**tool, "function": {**tool["function"], "strict": True}} for tool in TOOLS]
    assert "lock" in asked(VLLM, tools=strict)["structured_outputs"]["grammar"]
    assert "structured_outputs" not in asked(VLLM)
    backend.fields = {}
    knows("gemma4_v2")  # in a form that only the server can read
    assert asked(VLLM, tool_choice="auto")["messages"] == turns["messages"]
    assert asked(VLLM, tool_choice=named)["tool_choice"] == named

    knows(None)
    backend.fields = whole(MARKED)
    own = asked(VLLM)
    assert "tools" not in own and [turn["role"] for turn in own["messages"]] == [
        *("system", "user", "assistant", "user")
    ]
    assert own["messages"][2]["content"].startswith("<tool_call>")
    backend.fields = {}
    assert "get_balance" not in str(asked(VLLM, tool_choice="none")["messages"])
    assert asked(SGLANG, tool_choice="required")["code"] == "unsupported_parameter"
    assert asked(SGLANG, tools=strict)["param"] == "tools"
    backend.fields = whole(MARKED)
    own = asked(VLLM, tool_choice="required")
    assert "tools" not in own and "lock" in own["structured_outputs"]["grammar"]


@pytest.mark.slow
def test_the_official_clients_loop_with_a_server_that_answers_calls_as_a_text(
    make_gateway: MakeGateway, table: RouteTable, knows: Any
) -> None:
    knows("qwen2_5")

    def behaviour(asked: Asked) -> Reply | None:
        """As vLLM without a parser of calls."""
        if asked.path != "/v1/chat/completions":
            return None
        text = "90 francs." if asked.body["messages"][-1]["role"] == "tool" else MARKED
        if asked.body.get("stream"):
            kind = {"object": "chat.completion.chunk", "created": 1}
            return Reply.events(*(json.dumps(one | kind) for one in pieces(text, 3)), "[DONE]")
        return Reply.of(whole(text))

    with engine_server(behaviour) as engine:
        engine.adapters[V7] = "/v7"
        replica = VllmReplica(engine.url)
        table.lost("http://replica-1/v1")
        table.hold(deployment(7), replica)
        with (
            running(make_gateway(**VLLM)) as live,
            openai.OpenAI(base_url=f"{live}/v1", api_key="none", max_retries=0) as client,
        ):
            turns: list[Any] = [ASKED]
            fields: dict[str, Any] = {"model": "bank", "tools": TOOLS}
            first = client.chat.completions.create(messages=turns, **fields).choices[0]
            with client.chat.completions.stream(messages=turns, **fields) as stream:
                same = stream.get_final_completion().choices[0]
            for choice in (first, same):
                (call,) = choice.message.tool_calls or ()
                assert choice.finish_reason == "tool_calls"
                assert (call.function.name, json.loads(call.function.arguments)) == FIRST
            turns += [first.message.model_dump(exclude_none=True)]
            turns += [{"role": "tool", "tool_call_id": call.id, "content": "90"}]
            with pytest.raises(openai.BadRequestError, match="result of call"):
                client.chat.completions.create(messages=turns, **fields)
            turns[-1]["tool_call_id"] = (first.message.tool_calls or ())[0].id
            last = client.chat.completions.create(messages=turns, **fields)
            assert last.choices[0].message.content == "90 francs."
        asked = engine.bodies("/v1/chat/completions")
        assert {one["tool_choice"] for one in asked} == {"none"} and len(asked) == 3


# --- traffic log ----------------------------------------------------------------------------------


def test_the_log_keeps_what_was_called_and_what_came_of_it(
    client: TestClient, listener: Listener
) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_balance", "arguments": '{"account": "A1"}'},
    }
    turns = [
        {"role": "user", "content": "What is left?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"error": "no"}'},
    ]
    body = {"model": "bank", "messages": turns, "tools": TOOLS}
    assert client.post("/v1/chat/completions", json=body).status_code == 200
    (exchange,) = listener.exchanges
    row = Traffic.model_validate_json(answer_line(exchange, redacts=True).line)
    assert row.turns and row.turns[1].tool_calls and row.turns[2].role == "tool"
    assert row.tools == tuple(TOOLS)


def test_calls_that_an_engine_reads_by_itself_are_heard_as_calls() -> None:
    heard = HeardAnswer()
    pieces = [
        {"content": "A moment."},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "get_balance"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"account": '}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"A1"}'}}, None, {"function": 3}]},
    ]
    for delta in pieces:
        heard.hear({"choices": [{"index": 0, "delta": delta}]})
    assert written_calls(heard.text) == [WrittenCall("get_balance", {"account": "A1"})]
    assert words_beside(heard.text) == "A moment."
    of_mistral = 'A moment. [TOOL_CALLS] [{"name": "get_balance", "arguments": {}}]'
    assert words_beside(of_mistral) == "A moment."
