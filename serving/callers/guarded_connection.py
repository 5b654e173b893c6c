"""Connections whose headers must come soon and be short, and that can be broken off.

uvicorn has no limit on how long headers take or how long they are, and a client that reads nothing
keeps its connection open.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES = 64 << 10
HEADER_SECONDS = 10.0


class GuardedConnection(HttpToolsProtocol):
    """An HTTP/1.1 connection as uvicorn has it, with these limits."""

    header_seconds = HEADER_SECONDS

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._deadline: asyncio.TimerHandle | None = None  # while headers are awaited
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        awaited = self._deadline is not None
        super().data_received(data)
        if awaited and self._deadline is not None:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # To end an answer that nobody reads: closing would wait for its reader.
        self.scope["state"]["abort"] = self.transport.abort
        if self._deadline is None:  # a further request on this connection
            self._await_headers()

    def on_headers_complete(self) -> None:
        self._headers_came()
        super().on_headers_complete()

    def _await_headers(self) -> None:
        self._header_bytes = 0
        self._deadline = self.loop.call_later(self.header_seconds, self.transport.abort)

    def _headers_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
