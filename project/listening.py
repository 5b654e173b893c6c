"""Where a server listens, and how often somebody may ask."""

import errno
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

from project.errors import InputError

# --- listening ------------------------------------------------------------------------------------

# Sockets that listen, and which addresses and names are of this machine alone.

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
        matches = parts.hostname in LOOPBACK and parts.netloc == host and parts.username is None
        return matches and (parts.port is None or True)
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


# --- rate limit -----------------------------------------------------------------------------------

# How often somebody may ask: a bucket of tokens each, which fills up again evenly.

MOST_KEPT = 10_000  # buckets; one that is full again can be forgotten


@dataclass
class Buckets:
    """A minute's tokens for each key. A burst may take them all at once."""

    a_minute: int
    clock: Callable[[], float] = time.monotonic
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)  # tokens, and when
    _lock: Lock = field(default_factory=Lock)

    def wait(self, key: str) -> float:
        """Take a token: 0, or the seconds until there is one again."""
        now = self.clock()
        with self._lock:
            tokens = self._level(key, now)
            if tokens >= 1:
                self._levels.pop(key, None)  # so that the newest stand last
                self._levels[key] = (tokens - 1, now)
                while len(self._levels) > MOST_KEPT:
                    del self._levels[next(iter(self._levels))]
                return 0.0
            self._levels[key] = (tokens, now)
            return (1 - tokens) * 60 / self.a_minute

    def _level(self, key: str, now: float) -> float:
        tokens, at = self._levels.get(key, (float(self.a_minute), now))
        return min(self.a_minute, tokens + (now - at) * self.a_minute / 60)
