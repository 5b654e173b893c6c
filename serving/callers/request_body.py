"""A request's body, read up to a limit of bytes and of time before anything looks at it."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import Receive

from serving.callers.api_error import ApiError

SECONDS = 30.0  # who sends a byte now and then would hold a connection for ever


class ClientGoneError(Exception):
    """The client closed the connection: there is nobody to answer."""


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
