"""What a client may do with its connection, beside what it asks."""

import json
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from project.web_server import HEADER_BYTES, GuardedConnection
from serving.gateway_server import running
from serving.openai_api.gateway import Gateway
from serving.openai_api.who_asks import KeyFile, add_key
from tests.serving.conftest import MakeGateway, asking
from tests.serving.test_attacks import connected

KEYS = Path("keys.yaml")
MUCH, ENDLESS = 64 << 20, 1 << 50  # bytes
BODY = json.dumps(asking()).encode()
HEAD = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{field}\r\n\r\n"


def head(field: str, path: str = "/v1/chat/completions") -> bytes:
    return HEAD.format(path=path, field=field).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def pushed(wire: socket.socket, data: bytes, most: int) -> int:
    """How many bytes of an endless row are taken before the connection is cut off."""
    taken = 0
    with suppress(OSError):
        while taken < most:
            taken += wire.send(data)
            answered(wire)
    return taken


def answered(wire: socket.socket) -> bytes:
    """What has come by now."""
    wire.setblocking(False)
    try:
        return wire.recv(65536)
    except BlockingIOError:
        return b""
    finally:
        wire.setblocking(True)


def test_headers_behind_a_body_are_no_longer_than_those_before_it(live: str) -> None:
    with connected(live) as wire:
        wire.sendall(head("Transfer-Encoding: chunked") + chunk(BODY) + b"0\r\nX: ")
        assert pushed(wire, b"x" * HEADER_BYTES, MUCH) < MUCH


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/nothing"])
def test_who_was_refused_cannot_go_on_sending(
    live: str, gateway: Gateway, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedConnection, "linger_seconds", 0.05)
    add_key(KEYS, "ann")
    gateway.keys = KeyFile(KEYS)
    with connected(live) as wire:
        wire.sendall(head("Transfer-Encoding: chunked", path))
        assert wire.recv(65536).startswith(b"HTTP/1.1 401")
        pushed(wire, chunk(b"x" * 1000), ENDLESS)


def test_who_was_refused_while_sending_hears_of_it(live: str, gateway: Gateway) -> None:
    """And may go on with another key, on the same connection."""
    key = add_key(KEYS, "ann")
    gateway.keys = KeyFile(KEYS)
    with connected(live) as wire:
        wire.sendall(head(f"Content-Length: {len(BODY)}"))
        assert wire.recv(65536).startswith(b"HTTP/1.1 401")
        named = head(f"Authorization: Bearer {key}\r\nContent-Length: {len(BODY)}")
        wire.sendall(BODY + named + BODY)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("letters", "size"), [(1, 1), (500_000, 10)])
def test_a_body_in_small_chunks_is_read_whole(live: str, letters: int, size: int) -> None:
    body = json.dumps(asking("x" * letters)).encode()
    parts = b"".join(chunk(body[at : at + size]) for at in range(0, len(body), size))
    with connected(live) as wire:
        wire.sendall(head("Transfer-Encoding: chunked") + parts + b"0\r\n\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_connection_serves_many_requests(live: str) -> None:
    """What was counted of one request is no burden of the next."""
    request = head(f"X-Long: {'x' * 20_000}\r\nContent-Length: {len(BODY)}") + BODY
    with connected(live) as wire:
        for _ in range(10):
            wire.sendall(request)
            assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        # A slash too many sends no key elsewhere.
        wire.sendall(head(f"Content-Length: {len(BODY)}", "/v1/chat/completions/") + BODY)
        assert wire.recv(65536).startswith(b"HTTP/1.1 404")


def status(wire: socket.socket, key: str) -> int:
    named = f"Authorization: Bearer {key}\r\nContent-Length: {len(BODY)}"
    wire.sendall(head(named) + BODY)
    return int(wire.recv(65536).split()[1])


@pytest.fixture
def keys() -> dict[str, str]:
    return {name: add_key(KEYS, name) for name in ("ann", "bob")}


@pytest.fixture
def narrow(
    make_gateway: MakeGateway, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Gateway:
    """With room for few idle connections."""
    monkeypatch.setattr("serving.gateway_server.STRANGERS", 8)
    monkeypatch.setattr("serving.gateway_server.IDLE", 5)  # beside five that may ask
    gateway = make_gateway(running=1)
    gateway.keys = KeyFile(KEYS)
    return gateway


@pytest.mark.attack
@pytest.mark.parametrize("sent", [b"", head("X: y")[:-4]])  # nothing, and half of the headers
def test_idle_connections_without_a_key_keep_nobody_out(
    narrow: Gateway, keys: dict[str, str], sent: bytes
) -> None:
    with running(narrow) as address, ExitStack() as wires:
        kept = wires.enter_context(connected(address))
        assert status(kept, keys["ann"]) == 200
        idle = [wires.enter_context(connected(address)) for _ in range(40)]
        for wire in idle:
            with suppress(OSError):  # the first ones are cut off already
                wire.sendall(sent)
        assert status(kept, keys["ann"]) == 200
        assert status(wires.enter_context(connected(address)), keys["bob"]) == 200


@pytest.mark.attack
def test_idle_connections_of_one_caller_keep_no_other_out(
    narrow: Gateway, keys: dict[str, str]
) -> None:
    with running(narrow) as address, ExitStack() as wires:
        bob = wires.enter_context(connected(address))
        assert status(bob, keys["bob"]) == 200
        for _ in range(40):
            assert status(wires.enter_context(connected(address)), keys["ann"]) == 200
        assert status(bob, keys["bob"]) == 200
        assert status(wires.enter_context(connected(address)), keys["bob"]) == 200
