"""An ASGI application behind a socket: uvicorn, with limits for slow, deaf and many clients."""

import os
import resource
import socket
import threading
from typing import Any

import uvicorn

from project.guarded_connection import guarded
from project.open_connections import OpenConnections

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
        end_deaf_connections(bound)
        allow_many_files()
        try:
            self.run(sockets=[bound])
        finally:
            self.up.set()  # whoever waits for it hears that it ended


def end_deaf_connections(bound: socket.socket) -> None:
    """Where the system can, let it end connections whose other side takes nothing."""
    if option := getattr(socket, "TCP_USER_TIMEOUT", None):
        bound.setsockopt(socket.IPPROTO_TCP, option, DEAF_SECONDS * 1000)


def allow_many_files() -> None:
    """Each connection is an open file, and shells allow 1,024 where the system allows more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
