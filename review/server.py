"""Serve the pages until somebody ends it."""

import errno
import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from project.errors import InputError
from project.files import home
from project.interruption import ended_by_signals
from project.settings import load
from registry.ballots.open_votes import open_votes
from registry.store import Registry
from review.access.gate import Gate
from review.access.secret_file import secret_of
from review.app import create_app
from review.review_settings import ReviewParams
from review.site import Site

PATIENCE = 3  # seconds for requests that are on their way when the server is ended
MOST_CONNECTIONS = 500


@contextmanager
def site_here() -> Iterator[Site]:
    """The site of the project in the current folder."""
    params = load(ReviewParams)
    with Registry.here() as registry:
        yield Site(registry, params, secret_of(home() / "review" / "secret"))


def is_private(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_open_door(host: str, params: ReviewParams) -> None:
    """Raise InputError for an address that others reach, where nobody has to say who they are."""
    if is_private(host):
        return
    if params.sign_in == "token":
        raise InputError(
            f"{host} can be reached by other machines, and sign_in is token, for one person on "
            "this one: set it to users, oidc or proxy (docs/review.md says how), or leave --host "
            "out",
            field="review.sign_in",
        )
    if params.url is None:
        raise InputError(
            f"{host} can be reached by other machines: say by which address people open the page, "
            "such as https://review.example.com, for no other one is answered",
            field="review.url",
        )


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on that address. Raises InputError where there can be none, naming the port."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise InputError(f"{host} is no address of this machine", field="--host") from None
    with socket.socket(family, kind) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(128)
        except OSError as error:
            raise InputError(unbound(error, host, port), field="--port") from None
        yield bound


def unbound(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken, by another `incumbent review` perhaps: choose another one"
    return f"{host}:{port} cannot be listened to: {error.strerror}"


@dataclass(frozen=True)
class Server:
    """A project's pages behind a socket that listens already."""

    app: FastAPI
    socket: socket.socket

    @property
    def gate(self) -> Gate:
        found: Gate = self.app.state.gate
        return found

    @property
    def address(self) -> str:
        """How a browser finds the pages; with a token where one is needed."""
        host, port = self.socket.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        params = self.gate.site.params
        if params.sign_in == "token":
            return f"http://{shown}:{port}/sign-in?token={self.gate.token.text}"
        return params.url or f"http://{shown}:{port}/"

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM. Proxy headers are not believed: whoever asks is whoever
        connects.
        """
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        config = uvicorn.Config(
            self.app,
            access_log=False,
            limit_concurrency=MOST_CONNECTIONS,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=PATIENCE,
            ws="none",
        )
        try:
            with ended_by_signals():
                uvicorn.Server(config).run(sockets=[self.socket])
        except KeyboardInterrupt:
            pass  # it was asked to end, and did


@contextmanager
def server_here(host: str, port: int) -> Iterator[Server]:
    """A server for the project in the current folder, as its settings allow it."""
    with site_here() as site:
        refuse_open_door(host, site.params)
        open_votes(site.opened)  # what is read once of all votes, before anybody waits for it
        with listening(host, port) as bound:
            yield Server(create_app(site), bound)
