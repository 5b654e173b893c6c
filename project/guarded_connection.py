"""Connections whose headers must come soon and be short, and that can be broken off.

uvicorn has no limit on how long headers take or how long they are, those behind a body included
(trailers). It reads what comes after an answer to its end, however long that is; and a client that
reads nothing keeps its connection open. It answers "busy" to whoever comes once its connections are
taken, also by those that ask nothing.
"""

import asyncio
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from project.open_connections import IDLE, OpenConnections

HEADER_BYTES = 64 << 10
HEADER_SECONDS = 10.0
LINGER_SECONDS = 5.0  # for the rest of a request that was answered before its end: then it is cut
FRAMING = 16  # bytes around a byte of a body, at most, that is sent in chunks


class GuardedConnection(HttpToolsProtocol):
    """An HTTP/1.1 connection as uvicorn has it, with these limits."""

    header_seconds = HEADER_SECONDS
    linger_seconds = LINGER_SECONDS
    room = OpenConnections(IDLE)  # a server has its own

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._deadline: asyncio.TimerHandle | None = None  # while headers, or a rest, are awaited
        self._beside = 0  # bytes of a request that are none of its body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.room.came(self)
        self._await(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.left(self)
        self._came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._beside += len(data)
        super().data_received(data)
        if self._beside > HEADER_BYTES:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._beside -= len(body) * (1 + FRAMING)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._beside = 0
        self._came()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            # Not at once: who sends still would get no answer, but a broken connection.
            self._await(self.linger_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # To end an answer that nobody reads: closing would wait for its reader.
        self.scope["state"]["abort"] = self.transport.abort
        self.scope["state"]["admitted"] = partial(self.room.belongs, self)
        self.room.spoke(self)
        if self._deadline is None:  # a further request on this connection
            self._await(self.header_seconds)

    def on_headers_complete(self) -> None:
        self._came()
        super().on_headers_complete()

    @property
    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def cut(self) -> None:
        self.transport.abort()

    def _await(self, seconds: float) -> None:
        self._came()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def guarded(room: OpenConnections) -> type[GuardedConnection]:
    """The connections of one server."""
    return type("ServerConnection", (GuardedConnection,), {"room": room})
