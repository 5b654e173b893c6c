"""Connections whose headers must come soon and be short, and that can be broken off.

uvicorn has no limit on how long headers take or how long they are, those behind a body included
(trailers). It reads what comes after an answer to its end, however long that is; and a client that
reads nothing keeps its connection open. It answers "busy" to whoever comes once its connections are
taken, also by those that ask nothing.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES = 64 << 10
HEADER_SECONDS = 10.0
LINGER_SECONDS = 5.0  # for the rest of a request that was answered before its end: then it is cut
FRAMING = 16  # bytes around a byte of a body, at most, that is sent in chunks


class GuardedConnection(HttpToolsProtocol):
    """An HTTP/1.1 connection as uvicorn has it, with these limits."""

    header_seconds = HEADER_SECONDS
    linger_seconds = LINGER_SECONDS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._deadline: asyncio.TimerHandle | None = None  # while headers, or a rest, are awaited
        self._beside = 0  # bytes of a request that are none of its body
        self.idle_since: float | None = None  # by the loop's clock; None: a request is answered

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._make_room()
        self._await(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
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
        if self.cycle.response_complete:
            self.idle_since = self.loop.time()
        if self.cycle.response_complete and self.cycle.more_body:
            # Not at once: who sends still would get no answer, but a broken connection.
            self._await(self.linger_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # To end an answer that nobody reads: closing would wait for its reader.
        self.scope["state"]["abort"] = self.transport.abort
        if self._deadline is None:  # a further request on this connection
            self._await(self.header_seconds)

    def on_headers_complete(self) -> None:
        self._came()
        self.idle_since = None
        super().on_headers_complete()

    def _make_room(self) -> None:
        """Where connections run out, the one ends that has asked nothing for the longest time: else
        whoever opens many and says nothing shuts the server for all others.
        """
        if self.limit_concurrency is None or len(self.connections) < self.limit_concurrency:
            return
        guarded = [one for one in self.connections if isinstance(one, GuardedConnection)]
        idle = {one: one.idle_since for one in guarded if one.idle_since is not None}
        if idle:
            oldest = min(idle, key=lambda one: idle[one])
            oldest.idle_since = None
            self.connections.discard(oldest)
            oldest.transport.abort()

    def _await(self, seconds: float) -> None:
        self._came()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
