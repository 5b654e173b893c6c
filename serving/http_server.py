"""A gateway behind a socket: uvicorn, with limits for slow and deaf clients."""

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from project.listening import address_of, listening
from serving.app import Running, alone, create_app
from serving.callers.guarded_connection import guarded
from serving.callers.open_connections import IDLE, STRANGERS, OpenConnections
from serving.openai_api.gateway import Gateway

PATIENCE = 20  # seconds for answers that are on their way when the server is ended
DEAF_SECONDS = 30  # in which a client's machine takes none of what was sent
SPARE = 16  # connections that end just now
KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep an idle connection: they end it, not we
MOST_FILES = 65_536
COMMAND = "incumbent serve"


class Server(uvicorn.Server):
    """It says when it is up, from whichever thread it runs in."""

    def __init__(self, gateway: Gateway, beside: Running = alone, patience: int = PATIENCE) -> None:
        self.up = threading.Event()
        params = gateway.params
        room = OpenConnections(params.running + params.waiting + IDLE, STRANGERS)
        super().__init__(
            uvicorn.Config(
                create_app(gateway, beside),
                http=guarded(room),
                lifespan="on",
                access_log=False,
                limit_concurrency=room.most + SPARE,
                log_config=None,
                proxy_headers=False,  # whoever asks is whoever connects
                server_header=False,
                timeout_graceful_shutdown=patience,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                ws="none",
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

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


@contextmanager
def running(
    gateway: Gateway, beside: Running = alone, host: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """A gateway that serves in a thread as long as the block runs; yields its address."""
    with listening(host, port, COMMAND) as bound:
        server = Server(gateway, beside)
        thread = threading.Thread(target=server.serve_on, args=(bound,), name="gateway")
        address = f"http://{address_of(bound)}"
        thread.start()
        try:
            server.up.wait()
            yield address
        finally:
            server.should_exit = True
            thread.join()
