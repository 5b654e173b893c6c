"""Logs of LiteLLM: StandardLoggingPayload, as its loggers of files and buckets write it, or within
what a callback of one's own is given; and the rows of its table of spend.

https://docs.litellm.ai/docs/proxy/logging_spec
"""

from monitoring.traffic.chat import (
    Fields,
    UnfitRecordError,
    answer_of,
    first,
    milliseconds,
    moment_in,
    name_in,
    prompt_of,
    unpacked,
)
from monitoring.traffic.own_rows import identity, model_name

NAME = "LiteLLM"
CHATS = frozenset({"completion", "text_completion", "responses", "anthropic_messages"})
PAYLOAD = "standard_logging_object"  # the field of a callback's arguments that holds it
STARTS, ENDS = ("startTime", "start_time"), ("endTime", "end_time")
FIELDS = (
    PAYLOAD,
    *("id", "request_id", "call_type", "status", "messages", "response", "model", "model_group"),
    *("end_user", "session_id", "api_key", "metadata", "proxy_server_request"),
    *STARTS,
    *ENDS,
)


def recognises(record: Fields) -> bool:
    if PAYLOAD in record:
        return True
    return "call_type" in record and bool({*STARTS, "messages"} & record.keys())


def parts_of(record: Fields) -> list[Fields]:
    if PAYLOAD not in record:
        return [record]
    payload = unpacked(record[PAYLOAD])
    if not isinstance(payload, dict):
        raise UnfitRecordError(f"bad {PAYLOAD}")
    return [payload]


def row_of(record: Fields) -> Fields:
    kind = str(record.get("call_type") or "completion").removeprefix("a")
    if kind not in CHATS and str(record.get("call_type")) not in CHATS:
        raise UnfitRecordError("another call_type than a chat")
    if first(record, "status") == "failure":
        raise UnfitRecordError("a request that failed")
    told = {**record, "metadata": unpacked(record.get("metadata"))}
    response = unpacked(first(told, "response"))
    if response is None:
        raise UnfitRecordError("no response")
    return {
        "id": identity(told, "id", "request_id"),
        "at": moment_in(told, *STARTS),
        "user": name_in(told, "end_user", "metadata.user_api_key_end_user_id", "session_id"),
        "caller": name_in(
            told, "metadata.user_api_key_alias", "metadata.user_api_key_hash", "api_key"
        ),
        "prompt": prompt_of(messages(told)),
        "response": answer_of(response),
        "adapter": model_name(first(told, "model_group", "model")),
        "latency_ms": milliseconds(first(told, *STARTS), first(told, *ENDS)),
    }


def messages(record: Fields) -> object:
    """Of the table of spend, they may be in the request that the proxy got."""
    asked = unpacked(first(record, "messages"))
    if not asked:
        request = unpacked(first(record, "proxy_server_request"))
        asked = first(request, "messages", "input", "prompt", "body.messages", "body.input")
    if not asked:
        raise UnfitRecordError("no messages")
    return asked
