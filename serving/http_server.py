"""A gateway behind a socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from project.listening import address_of, listening
from project.open_connections import IDLE, STRANGERS, OpenConnections
from project.web_server import WebServer
from serving.app import Running, alone, create_app
from serving.openai_api.gateway import Gateway

PATIENCE = 20  # seconds for answers that are on their way when the server is ended
KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep an idle connection: they end it, not we
COMMAND = "incumbent serve"


class Server(WebServer):
    """A gateway, and what runs beside it as long as it serves."""

    def __init__(self, gateway: Gateway, beside: Running = alone, patience: int = PATIENCE) -> None:
        params = gateway.params
        super().__init__(
            create_app(gateway, beside),
            room=OpenConnections(params.running + params.waiting + IDLE, STRANGERS),
            patience=patience,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )


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
