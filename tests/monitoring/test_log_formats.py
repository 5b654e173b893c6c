"""Logs that teams have already: each line is read, or named with the tool and the field."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from monitoring.traffic.traffic_store import TrafficStore
from project.records.traffic import Feedback, Traffic

DAY = date(2026, 11, 24)
AT = "2026-11-24T10:00:00+00:00"
SECONDS = 1_795_514_400  # the same moment
ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is it?"}]
LITELLM = {
    "id": "chatcmpl-1",
    "trace_id": "t",
    "call_type": "acompletion",
    "status": "success",
    "startTime": float(SECONDS),
    "endTime": SECONDS + 1.5,
    "model": "openai/bank",
    "model_group": "bank",
    "end_user": "u1",
    "metadata": {"user_api_key_hash": "hash", "user_api_key_alias": "shop"},
    "messages": ASKED,
    "response": {"id": "chatcmpl-1", "choices": [{"message": {"content": "There."}}]},
}
CALLBACK = {  # its arguments as a whole
    "model": "bank",
    "messages": ASKED,
    "call_type": "acompletion",
    "litellm_params": {},
    "start_time": "2026-11-24 09:00:00",
    "standard_logging_object": json.dumps(LITELLM),
}
SPEND = {
    "request_id": "chatcmpl-2",
    "call_type": "acompletion",
    "api_key": "hash",
    "startTime": "2026-11-24 10:00:00.000",
    "endTime": "2026-11-24 10:00:02.000",
    "model": "bank",
    "end_user": "",
    "session_id": "s1",
    "messages": "{}",
    "proxy_server_request": json.dumps({"messages": ASKED, "model": "bank"}),
    "response": json.dumps({"choices": [{"message": {"content": "There."}}]}),
}
OBSERVATION = {
    "id": "obs-1",
    "trace_id": "t",
    "type": "GENERATION",
    "start_time": "2026-11-24 10:00:00.000000",
    "end_time": "2026-11-24 10:00:01.500000",
    "input": json.dumps({"messages": ASKED}),
    "output": json.dumps({"role": "assistant", "content": "There."}),
    "provided_model_name": "bank",
    "user_id": "u1",
    "session_id": "s1",
}
TRACE = {
    "id": "trace-1",
    "timestamp": "2026-11-24T09:59:59.000Z",
    "userId": None,
    "sessionId": "s1",
    "scores": [
        {"name": "user-feedback", "value": 0, "dataType": "BOOLEAN", "observationId": "obs-1"},
        {"name": "correctness", "value": 1, "observationId": "obs-1"},
    ],
    "observations": [
        {"id": "span-1", "type": "SPAN", "startTime": "2026-11-24T10:00:00.000Z"},
        {
            "id": "obs-1",
            "type": "GENERATION",
            "startTime": "2026-11-24T10:00:00.000Z",
            "endTime": "2026-11-24T10:00:01.500Z",
            "model": "bank",
            "input": ASKED,
            "output": {"role": "assistant", "content": "There."},
        },
    ],
}
PAIR = {
    "created": SECONDS,
    "request": {"model": "bank", "user": "u1", "messages": ASKED},
    "response": {"id": "chatcmpl-1", "choices": [{"message": {"content": "There."}}]},
}


def typed(value: Any) -> dict[str, Any]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def span(name: str, told: dict[str, Any], events: Any = ()) -> dict[str, Any]:
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": name,
        "name": "chat bank",
        "startTimeUnixNano": str(SECONDS * 10**9),
        "endTimeUnixNano": str(SECONDS * 10**9 + 1_500_000_000),
        "attributes": [{"key": key, "value": typed(value)} for key, value in told.items()],
        "events": list(events),
    }


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "bank",
    "gen_ai.conversation.id": "s1",
    "gen_ai.system_instructions": json.dumps(parts("Be kind.")),
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts("Where is it?")}]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": parts("There.")}]),
}
NUMBERED = {
    "llm.request.type": "chat",
    "gen_ai.request.model": "bank",
    "session.id": "s1",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be kind.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Where is it?",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "There.",
}
EVENTS = [
    {
        "name": "gen_ai.system.message",
        "attributes": [{"key": "content", "value": typed("Be kind.")}],
    },
    {
        "name": "gen_ai.user.message",
        "attributes": [{"key": "content", "value": typed("Where is it?")}],
    },
    {
        "name": "gen_ai.choice",
        "attributes": [{"key": "message", "value": typed('{"content": "There."}')}],
    },
]
PRINTED = {
    "name": "chat bank",
    "context": {"trace_id": "0x5b8e", "span_id": "0xeee1", "trace_state": "[]"},
    "start_time": "2026-11-24T10:00:00.000000Z",
    "end_time": "2026-11-24T10:00:01.500000Z",
    "attributes": CHAT,
    "events": [],
}


@pytest.fixture
def store(tmp_path: Path) -> TrafficStore:
    return TrafficStore(tmp_path / "traffic", redact=False, quarantine=tmp_path / "quarantine")


def read(store: TrafficStore, *lines: Any) -> tuple[list[Traffic], Counter[str]]:
    path = store.root / f"{DAY}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    reading = store.read(DAY)
    return [row for batch in reading for row in batch], reading.set_aside


def only(store: TrafficStore, line: Any) -> Traffic:
    found, aside = read(store, line)
    assert aside == {}
    (row,) = found
    return row


@pytest.mark.parametrize(
    ("line", "name", "user"),
    [
        (LITELLM, "chatcmpl-1", "u1"),
        ({"standard_logging_object": LITELLM}, "chatcmpl-1", "u1"),
        (CALLBACK, "chatcmpl-1", "u1"),
        (SPEND, "chatcmpl-2", "s1"),
        (OBSERVATION, "obs-1", "u1"),
        (TRACE, "obs-1", "s1"),
        (PAIR, "chatcmpl-1", "u1"),
        (otlp(span("eee1", CHAT)), "eee1", "s1"),
        (otlp(span("eee1", NUMBERED)), "eee1", "s1"),
        (PRINTED, "0xeee1", "s1"),
    ],
)
def test_a_line_of_each_tool_says_what_was_asked_by_whom(
    store: TrafficStore, line: Any, name: str, user: str
) -> None:
    row = only(store, line)
    assert (row.id, row.user, row.response) == (name, user, "There.")
    assert [(m.role, m.content) for m in row.prompt if not isinstance(m, str)] == [
        ("system", "Be kind."),
        ("user", "Where is it?"),
    ]
    assert (row.time.isoformat(), row.adapter) == (AT, "bank")


def test_time_taken_and_client_are_read_where_they_are_told(store: TrafficStore) -> None:
    row = only(store, LITELLM)
    assert (row.latency_ms, row.caller) == (1500, "shop")
    assert only(store, SPEND).latency_ms == 2000
    assert only(store, otlp(span("a", CHAT))).latency_ms == 1500


def test_what_a_user_scored_in_langfuse_is_a_rating_and_what_a_judge_did_is_none(
    store: TrafficStore,
) -> None:
    assert only(store, TRACE).feedback == Feedback(rating=-1)


def test_messages_may_stand_in_events_of_a_span(store: TrafficStore) -> None:
    row = only(store, otlp(span("a", {"gen_ai.operation.name": "chat"}, EVENTS)))
    assert (row.prompt_text, row.response) == ("Be kind.\nWhere is it?", "There.")


def test_a_line_of_spans_gives_its_chats_and_names_those_that_are_no_rows(
    store: TrafficStore,
) -> None:
    empty = {key: value for key, value in CHAT.items() if "messages" not in key}
    agent = CHAT | {"gen_ai.operation.name": "invoke_agent"}
    late = span("c", CHAT) | {"startTimeUnixNano": str((SECONDS + 86_400) * 10**9)}
    found, aside = read(
        store, otlp(span("a", CHAT), span("b", empty), span("d", agent), late, span("e", CHAT))
    )
    assert [row.id for row in found] == ["a", "e"]
    assert aside == {"OpenTelemetry: no gen_ai.input.messages": 1, "another day": 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LITELLM | {"messages": None}, "LiteLLM: no messages"),
        (
            LITELLM | {"messages": [{"role": "user", "content": "redacted-by-litellm"}]},
            "LiteLLM: messages that LiteLLM redacted",
        ),
        (
            OBSERVATION | {"input": {"messages": "redacted-by-litellm"}},
            "Langfuse: messages that LiteLLM redacted",
        ),
        (LITELLM | {"startTime": None}, "LiteLLM: no startTime"),
        (LITELLM | {"startTime": "yesterday"}, "LiteLLM: bad startTime"),
        (LITELLM | {"response": {}}, "LiteLLM: no response"),
        (LITELLM | {"id": None}, "LiteLLM: no id"),
        ({"standard_logging_object": None}, "LiteLLM: bad standard_logging_object"),
        (
            {"standard_logging_object": LITELLM | {"messages": None}},
            "LiteLLM: no messages",
        ),
        (LITELLM | {"status": "failure"}, "LiteLLM: a request that failed"),
        (LITELLM | {"call_type": "aembedding"}, "LiteLLM: another call_type than a chat"),
        (OBSERVATION | {"type": "SPAN"}, "Langfuse: an observation that is no generation"),
        (OBSERVATION | {"input": None}, "Langfuse: no input"),
        (OBSERVATION | {"output": ""}, "Langfuse: no output"),
        (
            {"id": "s", "traceId": "t", "name": "x", "value": 1},
            "Langfuse: a score, and no observation",
        ),
        (otlp(), "OpenTelemetry: no span of a chat"),
        ({"resourceLogs": []}, "OpenTelemetry: logs or metrics, and no spans"),
        (PAIR | {"response": {"error": {"code": 500}}}, "OpenAI: a request that failed"),
        (PAIR | {"created": None}, "OpenAI: no at"),
        (PAIR | {"request": {"model": "bank"}}, "OpenAI: no messages"),
    ],
)
def test_a_line_that_lacks_something_is_named_by_tool_and_field(
    store: TrafficStore, line: Any, reason: str
) -> None:
    assert read(store, line) == ([], {reason: 1})
    told = json.loads((store.quarantine / f"{DAY}.jsonl").read_text())
    assert (told["line"], told["reason"]) == (1, reason)


def own(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "at": f"{DAY}T10:00:00Z", "prompt": ASKED, "response": "r"} | fields


def test_ids_and_times_may_be_numbers(store: TrafficStore) -> None:
    line = own(id=17, created=SECONDS, user=42)
    row = only(store, {key: value for key, value in line.items() if key != "at"})
    assert (row.id, row.user, row.time.isoformat()) == ("17", "42", AT)


def test_turns_of_developers_and_tools_stay_told_apart_from_what_the_user_wrote(
    store: TrafficStore,
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "stock", "arguments": '{"n":1}'}}
    messages = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "This?"}, {"type": "image_url"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "3 left"},
    ]
    row = only(store, own(prompt=messages))
    assert [(m.role, m.content) for m in row.prompt if not isinstance(m, str)] == [
        ("system", "Be kind."),
        ("user", "This?\n[image]"),
        ("assistant", '[calls stock({"n":1})]'),
        ("system", "[tool c] 3 left"),
    ]


def test_an_answer_may_be_a_message_or_null(store: TrafficStore) -> None:
    assert (
        only(store, own(response={"role": "assistant", "content": "There."})).response == "There."
    )
    assert only(store, own(response=None)).response == ""


def test_a_row_of_ours_keeps_what_it_tells_beside(store: TrafficStore) -> None:
    row = only(store, own(id=1, caller="shop", adapter="v1", feedback={"rating": 1}))
    assert (row.caller, row.adapter, row.feedback) == ("shop", "v1", Feedback(rating=1))


SYSTEM = {"role": "system", "content": "Be kind."}
NOTHING_ASKED = [
    *(None, "", " \n", [], [SYSTEM], [SYSTEM, {"role": "user", "content": ""}]),
    [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": [{"type": "text"}]}],
]


@pytest.mark.parametrize("name", ["a", 1])
@pytest.mark.parametrize("prompt", NOTHING_ASKED)
def test_a_prompt_that_asks_nothing_is_left_out_and_counted(
    store: TrafficStore, prompt: Any, name: object
) -> None:
    assert read(store, own(prompt=prompt, id=name)) == ([], {"no prompt": 1})


@pytest.mark.parametrize(
    "line",
    [
        LITELLM | {"messages": [SYSTEM]},
        OBSERVATION | {"input": [SYSTEM, {"role": "user", "content": " "}]},
        PAIR | {"request": {"messages": [SYSTEM]}},
        otlp(span("a", CHAT | {"gen_ai.input.messages": json.dumps([SYSTEM])})),
    ],
)
def test_so_is_one_in_the_log_of_another_tool(store: TrafficStore, line: Any) -> None:
    assert read(store, line) == ([], {"no prompt": 1})


def test_a_tools_result_in_an_agents_loop_is_answered_too(store: TrafficStore) -> None:
    loop = [SYSTEM, {"role": "tool", "tool_call_id": "c", "content": "3 left"}]
    assert only(store, own(prompt=loop)).prompt_text == "Be kind.\n[tool c] 3 left"


@pytest.mark.parametrize("prompt", [[{"role": "user"}], [{"role": "judge", "content": "x"}], 5])
def test_a_prompt_that_is_none_is_named_as_before(store: TrafficStore, prompt: Any) -> None:
    found, aside = read(store, own(prompt=prompt, id=1))
    assert (found, sum(aside.values())) == ([], 1)


@pytest.mark.parametrize(
    "line", [LITELLM, CALLBACK, OBSERVATION, TRACE, PAIR, PRINTED, otlp(span("a", CHAT))]
)
@pytest.mark.parametrize("odd", [None, 5, "x", [], {}, [[]], [{}], {"a": {}}, float("inf"), True])
def test_whatever_a_field_holds_nothing_breaks(store: TrafficStore, line: Any, odd: Any) -> None:
    found, aside = read(store, *(line | {field: odd, "n": i} for i, field in enumerate(line)))
    assert len(found) + sum(aside.values()) >= len(line)
