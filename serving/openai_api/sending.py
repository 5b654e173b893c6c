"""Answers as bytes: JSON, and events of a stream."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Send

from evaluation.generation.backends.backend import BackendError
from serving.callers.api_error import ApiError

DONE = b"data: [DONE]\n\n"


def as_json(value: Any) -> bytes:
    """Half a character, which a model may write, becomes "?". Raises BackendError for what is no
    JSON, such as NaN: only a backend sends it.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError) as error:
        raise BackendError(502, f"a backend's answer is no JSON: {error}") from None
    return text.encode("utf-8", "replace")


def event(value: Any) -> bytes:
    return b"data: " + as_json(value) + b"\n\n"


async def send_json(
    send: Send, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> None:
    content = as_json(body)
    fields = {"content-type": "application/json", "content-length": str(len(content))}
    await start(send, status, {**fields, **(headers or {})})
    await send({"type": "http.response.body", "body": content})


async def send_error(send: Send, error: ApiError) -> None:
    await send_json(send, error.body, error.status, error.headers)


async def start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def start_stream(send: Send, headers: Mapping[str, str]) -> None:
    """Nothing on the way may keep the events back."""
    fields = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store"}
    await start(send, 200, {**fields, "x-accel-buffering": "no", **headers})


async def send_part(send: Send, content: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})
