"""Spans of OpenTelemetry that hold a chat with a model, by the conventions for GenAI.

Read are OTLP's JSON, of which a line has many spans, and single spans as SDKs print them. Messages
are in `gen_ai.input.messages` and `gen_ai.output.messages`, in numbered attributes
(`gen_ai.prompt.0.content`) or in events (`gen_ai.user.message`, `gen_ai.choice`).

https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

import re
from collections.abc import Iterator
from typing import Any

from monitoring.traffic.chat import (
    Fields,
    UnfitRecordError,
    answer_of,
    first,
    items,
    milliseconds,
    moment_in,
    name_in,
    prompt_of,
    turns_of,
    unpacked,
)
from monitoring.traffic.own_rows import model_name

NAME = "OpenTelemetry"
CHATS = frozenset({"chat", "text_completion", "generate_content", "completion"})
USERS = ("enduser.id", "user.id", "session.id", "gen_ai.conversation.id", "enduser.pseudo.id")
STARTS, ENDS = ("startTimeUnixNano", "start_time"), ("endTimeUnixNano", "end_time")
INPUT, OUTPUT, SYSTEM = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
)
NUMBERED = re.compile(r"(gen_ai\.(?:prompt|completion))\.(\d{1,4})\.(role|content)")
EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")
FIELDS = (
    *("resourceSpans", "spanId", "span_id", "context", "attributes", "events", "name", "status"),
    *STARTS,
    *ENDS,
)


def recognises(record: Fields) -> bool:
    if {"resourceSpans", "resource_spans", "resourceLogs", "resourceMetrics"} & record.keys():
        return True
    spanned = {"spanId", "span_id", "context"} & record.keys() and "attributes" in record
    return bool(spanned and any(key.startswith("gen_ai.") for key in attributes(record)))


def parts_of(record: Fields) -> list[Fields]:
    if {"resourceLogs", "resourceMetrics"} & record.keys():
        raise UnfitRecordError("logs or metrics, and no spans")
    spans = [span for span in spans_of(record) if is_chat(span)]
    if not spans:
        raise UnfitRecordError("no span of a chat")
    return spans


def spans_of(record: Fields) -> Iterator[Fields]:
    groups = record.get("resourceSpans", record.get("resource_spans"))
    if groups is None:
        yield record
    for group in items(groups):
        for scope in items(first(group, "scopeSpans", "scope_spans")):
            yield from items(scope.get("spans"))


def is_chat(span: Fields) -> bool:
    """A span of an agent has the messages of the chats below it once more."""
    told = attributes(span)
    kind = told.get("gen_ai.operation.name", told.get("llm.request.type"))
    if kind is None:
        return any(key.startswith(("gen_ai.prompt", "gen_ai.input.messages")) for key in told)
    return str(kind) in CHATS


def row_of(span: Fields) -> Fields:
    if str(first(span, "status.code", "status.status_code")) in ("2", "STATUS_CODE_ERROR", "ERROR"):
        raise UnfitRecordError("a request that failed")
    told = attributes(span) | told_by_events(span)
    name = name_in(span, "spanId", "span_id", "context.span_id")
    if name is None:
        raise UnfitRecordError("no spanId")
    flat: Fields = {key.replace(".", "_"): value for key, value in told.items()}
    return {
        "id": name,
        "at": moment_in(span, *STARTS),
        "user": name_in(flat, *(user.replace(".", "_") for user in USERS)),
        "prompt": prompt(told),
        "response": answer(told),
        "adapter": model_name(
            told.get("gen_ai.response.model") or told.get("gen_ai.request.model")
        ),
        "latency_ms": milliseconds(first(span, *STARTS), first(span, *ENDS)),
    }


def prompt(told: Fields) -> Any:
    asked = unpacked(told.get(INPUT)) or numbered(told, "gen_ai.prompt")
    asked = asked or unpacked(told.get("gen_ai.prompt"))
    if not asked:
        raise UnfitRecordError(f"no {INPUT}")
    turns = prompt_of(asked)
    if not (system := unpacked(told.get(SYSTEM))):
        return turns
    first_turn = turns_of([{"role": "system", "content": system}])
    return first_turn + ([{"role": "user", "content": turns}] if isinstance(turns, str) else turns)


def answer(told: Fields) -> str:
    messages = unpacked(told.get(OUTPUT)) or numbered(told, "gen_ai.completion")
    messages = messages or unpacked(told.get("gen_ai.completion"))
    if not messages:
        raise UnfitRecordError(f"no {OUTPUT}")
    return answer_of(messages)


def numbered(told: Fields, prefix: str) -> list[dict[str, Any]]:
    """Messages whose every field is an attribute."""
    by_number: dict[int, dict[str, Any]] = {}
    for key, value in told.items():
        match = NUMBERED.fullmatch(key)
        if match and match[1] == prefix:
            by_number.setdefault(int(match[2]), {})[match[3]] = value
    return [{"role": "user", **by_number[number]} for number in sorted(by_number)]


def told_by_events(span: Fields) -> dict[str, Any]:
    """Attributes that stand in events; an event for each message counts as one attribute."""
    others: dict[str, Any] = {}
    asked, answers = [], []
    for event in items(span.get("events")):
        told, name = attributes(event), str(event.get("name", ""))
        body = unpacked(told.get("gen_ai.event.content")) or told
        if match := EVENT.fullmatch(name):
            asked.append({"role": match[1], **(body if isinstance(body, dict) else {})})
        elif name == "gen_ai.choice":
            message = unpacked(body.get("message")) if isinstance(body, dict) else None
            answers.append(message if isinstance(message, dict) else body)
        else:
            others |= {key: value for key, value in told.items() if key.startswith("gen_ai.")}
    return others | ({INPUT: asked} if asked else {}) | ({OUTPUT: answers} if answers else {})


def attributes(part: Fields) -> dict[str, Any]:
    """The attributes, given as an object or as OTLP's list of keys with typed values."""
    told = part.get("attributes")
    if isinstance(told, dict):
        return told
    return {str(item.get("key")): value_of(item.get("value")) for item in items(told)}


def value_of(value: Any) -> Any:
    """The value of OTLP's `{"stringValue": …}`."""
    if not isinstance(value, dict):
        return value
    if isinstance(inner := value.get("arrayValue"), dict):
        return [value_of(item) for item in inner.get("values", ())]
    if isinstance(inner := value.get("kvlistValue"), dict):
        return {str(i.get("key")): value_of(i.get("value")) for i in items(inner.get("values"))}
    return next(iter(value.values()), None)
