"""An ASGI application behind a socket: uvicorn, with limits for slow, deaf and many clients."""

import asyncio
import os
import resource
import socket
import threading
from functools import partial
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# --- open connections -----------------------------------------------------------------------------

# How many connections may stay open, and which one goes where there are too many.
#
# Those that showed no key yet are counted apart: anybody can open them, and they must not keep out
# who has one. Of those with keys the caller with the most loses one first.

STRANGERS = 1000  # connections that showed no key yet
IDLE = 1000  # of callers, beside those of running and waiting requests


class Open(Protocol):
    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        ...

    def cut(self) -> None:
        """End it at once."""
        ...


class OpenConnections:
    """One server's. All in one event loop."""

    def __init__(self, known: int, strangers: int = STRANGERS) -> None:
        self.most_known = known
        self.most_strangers = strangers
        self.owners: dict[Open, str] = {}
        self.known: dict[str, dict[Open, None]] = {}  # by caller, the longest silent first
        self.strangers: dict[Open, None] = {}

    @property
    def most(self) -> int:
        return self.most_known + self.most_strangers

    def came(self, connection: Open) -> None:
        """A new one: the longest silent of those without a key goes where there are too many."""
        self.strangers[connection] = None
        if len(self.strangers) > self.most_strangers:
            silent = (other for other in self.strangers if other.is_idle)
            self.end(next(silent, next(iter(self.strangers))))

    def spoke(self, connection: Open) -> None:
        """It begins a request: others of its kind are silent for longer."""
        group = self.group(connection)
        group.pop(connection, None)
        group[connection] = None

    def belongs(self, connection: Open, caller: str) -> None:
        """It showed a key, or needs none."""
        if connection in self.owners or connection not in self.strangers:
            return
        del self.strangers[connection]
        self.owners[connection] = caller
        self.known.setdefault(caller, {})[connection] = None
        if len(self.owners) > self.most_known:
            self.make_room()

    def make_room(self) -> None:
        most = max(self.known.values(), key=len)
        if (
            silent := next((connection for connection in most if connection.is_idle), None)
        ) is not None:
            self.end(silent)

    def end(self, connection: Open) -> None:
        self.left(connection)
        connection.cut()

    def left(self, connection: Open) -> None:
        self.group(connection).pop(connection, None)
        caller = self.owners.pop(connection, None)
        if caller is not None and not self.known[caller]:
            del self.known[caller]

    def group(self, connection: Open) -> dict[Open, None]:
        caller = self.owners.get(connection)
        return self.strangers if caller is None else self.known[caller]


# --- web server -----------------------------------------------------------------------------------

SPARE = 16  # connections that end just now
DEAF_SECONDS = 30  # in which a client's machine takes none of what was sent
GRACE_SECONDS = 0.5  # between the end of patience and that of the process
MOST_FILES = 65_536


class WebServer(uvicorn.Server):
    """`room` for connections; `patience` in seconds for answers that are on their way when it ends.

    It says when it is up, from whichever thread it runs in. With `last` a signal ends the process
    after the patience, whatever its threads wait for: what it wrote is whole or absent.
    """

    def __init__(
        self, app: Any, *, room: OpenConnections, patience: int, last: bool = False, **more: Any
    ) -> None:
        self.up = threading.Event()
        self.last = last
        super().__init__(
            uvicorn.Config(
                app,
                http=guarded(room),
                access_log=False,
                limit_concurrency=room.most + SPARE,
                log_config=None,
                proxy_headers=False,  # whoever asks is whoever connects
                server_header=False,
                timeout_graceful_shutdown=patience,
                ws="none",
                **more,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.last and not self.should_exit:
            seconds = (self.config.timeout_graceful_shutdown or 0) + GRACE_SECONDS
            end = threading.Timer(seconds, os._exit, (0,))
            end.daemon = True
            end.start()
        super().handle_exit(sig, frame)

    def serve_on(self, bound: socket.socket) -> None:
        """Serve until Ctrl-C or SIGTERM, or until should_exit is set from another thread."""
        # Where the system can, it ends connections whose other side takes nothing.
        if option := getattr(socket, "TCP_USER_TIMEOUT", None):
            bound.setsockopt(socket.IPPROTO_TCP, option, DEAF_SECONDS * 1000)
        # Each connection is an open file, and shells allow 1,024 where the system allows more.
        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
        if allowed != resource.RLIM_INFINITY and allowed < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        try:
            self.run(sockets=[bound])
        finally:
            self.up.set()  # whoever waits for it hears that it ended


# --- guarded connection ---------------------------------------------------------------------------

# Connections whose headers must come soon and be short, and that can be broken off.
#
# uvicorn has no limit on how long headers take or how long they are, those behind a body included
# (trailers). It reads what comes after an answer to its end, however long that is; and a client
# that reads nothing keeps its connection open. It answers "busy" to whoever comes once its
# connections are taken, also by those that ask nothing.

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
    return type("ServerConnection", (GuardedConnection,), {"room": room})
