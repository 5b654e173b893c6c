"""A request's body, read up to a limit of bytes and of time before anything looks at it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive

# --- api error ------------------------------------------------------------------------------------

# What a caller is told when there is no answer, in the shape of OpenAI's API.

TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    421: "invalid_request_error",
    429: "requests",
}


@dataclass
class ApiError(Exception):
    """A request ends with this status and message. The message may be shown to anybody."""

    status: int
    message: str
    param: str | None = None  # the field of the request that it is about
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    logged: str | None = None  # in a log, where the message may quote what the request says

    @property
    def for_log(self) -> str:
        return self.message if self.logged is None else self.logged

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "server_error")
        told = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": told}


def fault() -> ApiError:
    """A fault of ours: its traceback is in the log, and in no answer."""
    return ApiError(500, "Something broke here. The log says what, by the request's id.")


def after(seconds: float) -> dict[str, str]:
    """The header that says when to try again: whole seconds, one at least."""
    return {"Retry-After": str(max(1, -int(-seconds // 1)))}


# --- request body ---------------------------------------------------------------------------------

SECONDS = 30.0  # who sends a byte now and then would hold a connection for ever


class ClientGoneError(Exception):
    """The client closed the connection: there is nobody to answer."""


BODY_BYTES = 1 << 20  # of a request: a prompt of 8,192 tokens takes some 40 kB


async def read_body(
    receive: Receive, headers: Headers, limit: int, seconds: float = SECONDS
) -> bytes:
    """Raises ApiError for one that is too long or takes too long, ClientGoneError without an
    end.
    """
    size = headers.get("content-length", "0")
    if not size.isdecimal() or len(size) > 15 or int(size) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await whole_body(receive, limit)
    except TimeoutError:
        raise ApiError(408, "The request took too long to arrive.", headers=CLOSE) from None


async def whole_body(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if length > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return b"".join(parts)


# The rest of a body that was not read must not be taken for the next request.
CLOSE = {"Connection": "close"}


def too_large(limit: int) -> ApiError:
    return ApiError(413, f"A request may hold {limit:,} bytes at most.", headers=CLOSE)
