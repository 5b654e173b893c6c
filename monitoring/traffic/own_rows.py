"""Rows of our own format as other programs write them, and requests with their responses.

Ids are numbers, times are counts of seconds, and messages are those of OpenAI's API: with turns of
developers and tools, contents in parts, and contents that are null.
"""

from typing import Any

from monitoring.traffic.chat import (
    Fields,
    UnfitRecordError,
    answer_of,
    fields_of,
    first,
    milliseconds,
    moment_in,
    name_in,
    prompt_of,
    required,
)

NAME = "OpenAI"
KEPT = ("feedback", "outcome", "latency_ms", "adapter", "user", "caller")
TIMES = ("at", "created", "created_at", "timestamp", "time")
FIELDS = (
    *("id", "prompt", "messages", "input", "request", "response", "completion", "choices"),
    *KEPT,
    *TIMES,
    *("model", "duration_ms", "metadata", "request_id"),
)


def recognises(record: Fields) -> bool:
    if isinstance(record.get("request"), dict) and "response" in record:
        return True
    asked = {"prompt", "messages", "input"} & record.keys()
    answered = {"response", "choices", "completion"} & record.keys()
    return bool(asked and answered and set(TIMES) & record.keys())


def parts_of(record: Fields) -> list[Fields]:
    return [record]


def row_of(record: Fields) -> Fields:
    if isinstance(record.get("request"), dict) and "response" in record:
        return row_of_pair(record)
    row: dict[str, Any] = {name: record[name] for name in KEPT if record.get(name) is not None}
    row["id"] = identity(record, "id", "request_id")
    row["at"] = record["at"] if isinstance(record.get("at"), str) else moment_in(record, *TIMES)
    row["prompt"] = prompt_of(required(record, "prompt", "messages", "input"))
    row["response"] = response_of(record)
    row["user"] = name_in(record, "user")
    return row


def response_of(record: Fields) -> str:
    """Null is an answer without a word; a field that is missing is none."""
    for name in ("response", "completion"):
        if name in record:
            return "" if record[name] is None else answer_of(record[name])
    return answer_of(record)


def row_of_pair(record: Fields) -> Fields:
    """A request to an API with what it answered, as a proxy logs them."""
    asked, got = body(record["request"]), body(record["response"])
    status = first(record, "response.status_code", "response.status", "status_code")
    if first(got, "error") or (isinstance(status, int) and status >= 400):
        raise UnfitRecordError("a request that failed")
    times = tuple(f"{part}{name}" for part in ("", "request.") for name in TIMES)
    request = {**fields_of(record["request"]), **fields_of(asked)}
    both = {**record, "request": request, "response": got}
    return {
        "id": identity(both, "response.id", "id", "request_id", "request.id"),
        "at": moment_in(both, *times, "response.created", "response.created_at"),
        "user": name_in(
            both, "user", "request.user", "request.safety_identifier", "request.metadata.user_id"
        ),
        "caller": name_in(both, "caller", "api_key_id"),
        "prompt": prompt_of(required(asked, "messages", "input", "prompt")),
        "response": answer_of(got),
        "adapter": first(both, "adapter")
        or model_name(first(both, "response.model", "request.model")),
        "latency_ms": latency(record),
        "feedback": first(record, "feedback"),
        "outcome": first(record, "outcome"),
    }


def body(part: Any) -> Any:
    """What was sent, without what carried it."""
    inside = part.get("body") if isinstance(part, dict) else None
    return inside if isinstance(inside, dict) else part


def identity(record: Fields, *names: str) -> str:
    name = name_in(record, *names)
    if name is None:
        raise UnfitRecordError(f"no {names[0]}")
    return name


def latency(record: Fields) -> float | None:
    told = first(record, "latency_ms", "duration_ms", "response_time_ms", "response.latency_ms")
    if isinstance(told, int | float):
        return float(told)
    return milliseconds(first(record, "started_at"), first(record, "ended_at"))


def model_name(value: Any) -> str | None:
    """The model's name without the provider: `openai/bank` is `bank`."""
    return value.rpartition("/")[2] or None if isinstance(value, str) else None
