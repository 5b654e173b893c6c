"""Sockets that listen, and which addresses and names are of this machine alone."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from project.errors import InputError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_private(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host as a request names it, with a port or without, is this machine alone."""
    try:
        parts = urlsplit(f"//{host}")
        found = parts.hostname in LOOPBACK and parts.netloc == host and parts.username is None
        return found and (parts.port is None or True)
    except ValueError:
        return False


@contextmanager
def listening(host: str, port: int, command: str) -> Iterator[socket.socket]:
    """A socket on that address. Raises InputError where there can be none, naming the port, and
    the command that may have it already.
    """
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
            raise InputError(unbound(error, host, port, command), field="--port") from None
        yield bound


def unbound(error: OSError, host: str, port: int, command: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken, by another `{command}` perhaps: choose another one"
    return f"{host}:{port} cannot be listened to: {error.strerror}"


def address_of(bound: socket.socket) -> str:
    """Where a socket listens, as a client writes it: 127.0.0.1:8080 or [::1]:8080."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
