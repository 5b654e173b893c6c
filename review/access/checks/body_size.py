"""A body is read whole, up to a limit of bytes and of time, before anything looks at it."""

import asyncio

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1 << 20
MOST_SECONDS = 60.0  # who sends a byte now and then holds one of the server's few connections


class BodySize:
    """Refuses a body above the limit, whether it says its size or comes in chunks."""

    def __init__(self, app: ASGIApp, seconds: float = MOST_SECONDS) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            size = Headers(scope=scope).get("content-length", "0")
            if not size.isdecimal() or len(size) > 9 or int(size) > MOST_BYTES:
                raise too_large()
            receive = replayed(await self.in_time(receive), receive)
        await self.app(scope, receive, send)

    async def in_time(self, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self.seconds):
                return await whole_body(receive)
        except TimeoutError:
            raise HTTPException(408, "This request took too long to arrive.") from None


async def whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise too_large()
        if not message.get("more_body"):
            return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """The same body again, and then whatever comes next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def too_large() -> HTTPException:
    return HTTPException(413, f"A request may hold {MOST_BYTES >> 20} MiB at most.")
