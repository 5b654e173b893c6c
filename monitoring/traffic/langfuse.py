"""Exports of Langfuse: observations, as the table or a bucket has them, and traces with theirs.

https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

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
    required,
)
from monitoring.traffic.own_rows import identity, model_name

NAME = "Langfuse"
TRACE, STARTS, ENDS = ("traceId", "trace_id"), ("startTime", "start_time"), ("endTime", "end_time")
USERS = ("userId", "user_id", "sessionId", "session_id")
MODELS = ("model", "providedModelName", "provided_model_name")
BY_USERS = ("feedback", "rating", "thumb")  # in the names of scores that users gave
FIELDS = (
    *("id", "type", "input", "output", "observations", "scores", "timestamp", "level"),
    *TRACE,
    *STARTS,
    *ENDS,
    *USERS,
    *MODELS,
)


def recognises(record: Fields) -> bool:
    if is_trace(record):
        return True
    is_observation = "type" in record and bool({*STARTS, "input"} & record.keys())
    is_score = {"name", "value"} <= record.keys()
    return bool(set(TRACE) & record.keys()) and (is_observation or is_score)


def is_trace(record: Fields) -> bool:
    if isinstance(record.get("observations"), list):
        return "id" in record
    return {"id", "timestamp", "input", "output"} <= record.keys() and bool(
        {*USERS, "tags", "release", "environment"} & record.keys()
    )


def parts_of(record: Fields) -> list[Fields]:
    """The generations of a trace, with what it tells of all; the trace itself, if it has none."""
    if not is_trace(record):
        return [record]
    user = {"userId": name_in(record, *USERS), "scores": record.get("scores")}
    generations = [item for item in items(record.get("observations")) if is_generation(item)]
    if generations:
        return [
            {**user, **{k: v for k, v in generation.items() if v is not None}}
            for generation in generations
        ]
    return [{**record, "startTime": record.get("timestamp"), "type": "GENERATION"}]


def is_generation(observation: Fields) -> bool:
    return str(observation.get("type", "")).upper() == "GENERATION"


def row_of(observation: Fields) -> Fields:
    if "type" not in observation:
        raise UnfitRecordError("a score, and no observation")
    if not is_generation(observation):
        raise UnfitRecordError("an observation that is no generation")
    if first(observation, "level") == "ERROR":
        raise UnfitRecordError("a request that failed")
    name = identity(observation, "id")
    return {
        "id": name,
        "at": moment_in(observation, *STARTS),
        "user": name_in(observation, *USERS),
        "prompt": prompt_of(required(observation, "input")),
        "response": answer_of(required(observation, "output")),
        "adapter": model_name(first(observation, *MODELS)),
        "latency_ms": milliseconds(first(observation, *STARTS), first(observation, *ENDS)),
        "feedback": feedback_of(observation, name),
    }


def feedback_of(record: Fields, name: str) -> dict[str, Any] | None:
    """The last rating that a user gave to the observation, or to its trace as a whole."""
    ratings = list(ratings_of(record, name))
    return {"rating": ratings[-1]} if ratings else None


def ratings_of(record: Fields, name: str) -> Iterator[int]:
    for score in items(record.get("scores")):
        about = first(score, "observationId", "observation_id")
        told = str(score.get("name", "")).lower()
        value = score.get("value")
        if about not in (None, name) or not any(word in told for word in BY_USERS):
            continue
        if first(score, "dataType", "data_type") == "BOOLEAN" or isinstance(value, bool):
            yield 1 if value else -1
        elif value in (-1, 0, 1):
            yield int(value)
