"""What shuts the page for others: connections that ask nothing, and a provider that hangs."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from project.listening import address_of, listening
from project.web_server import HEADER_BYTES
from review.frame.access_control import REST, ProviderCalls, ProviderError
from review.page_server import MOST_CONNECTIONS, PageServer, create_app
from review.site import Site
from tests.conftest import ROOT

HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
pytestmark = pytest.mark.attack


@pytest.fixture
def live(site: Site) -> Iterator[tuple[str, int]]:
    """Host and port of the page behind its real server."""
    with listening("127.0.0.1", 0, "incumbent review") as bound:
        server = PageServer(create_app(site), bound).web_server()
        thread = threading.Thread(target=server.serve_on, args=(bound,))
        thread.start()
        server.up.wait()
        try:
            yield bound.getsockname()[:2]
        finally:
            server.should_exit = True
            thread.join()


def test_half_headers_on_all_connections_do_not_shut_the_page(live: tuple[str, int]) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS + 20):
            stack.enter_context(socket.create_connection(live)).sendall(HALF)
        assert httpx2.get(f"http://{live[0]}:{live[1]}/healthz").status_code == 200


def test_connections_that_asked_once_make_room_too(live: tuple[str, int]) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS):
            wire = stack.enter_context(socket.create_connection(live))
            wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert wire.recv(1000).startswith(b"HTTP/1.1 200")
        assert httpx2.get(f"http://{live[0]}:{live[1]}/healthz").status_code == 200


def test_headers_without_an_end_are_cut_off(live: tuple[str, int]) -> None:
    taken, most = 0, 64 << 20
    with socket.create_connection(live) as wire, suppress(OSError):
        wire.sendall(HALF)
        while taken < most:
            taken += wire.send(b"x" * HEADER_BYTES)
    assert taken < most


# --- a provider that hangs ------------------------------------------------------------------------


@contextmanager
def hanging() -> Iterator[tuple[str, list[socket.socket]]]:
    """The address of a provider that takes connections and answers none, and what it took."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as bound:

        def take() -> None:
            with suppress(OSError):
                while True:
                    taken.append(bound.accept()[0])

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://{address_of(bound)}", taken
        finally:
            bound.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in taken:
                one.close()


def test_a_provider_that_did_not_answer_is_not_asked_again_at_once() -> None:
    now = [0.0]
    calls = ProviderCalls(seconds=0.05, clock=lambda: now[0])

    async def story(address: str) -> None:
        for _ in range(3):
            with pytest.raises(ProviderError, match=r"no whole answer in 0\.05 s"):
                await calls.fetched(address)
        now[0] = REST + 1
        with pytest.raises(ProviderError):
            await calls.fetched(address)

    with hanging() as (address, taken):
        asyncio.run(story(address))
        assert len(taken) == 2


def test_a_provider_that_hangs_stops_neither_the_page_nor_its_end() -> None:
    """Through the command: 60 people want to sign in at a provider that never answers."""
    with hanging() as (provider, taken):
        discovery = f"{provider}/.well-known/openid-configuration"
        oidc = {"discovery": discovery, "client_id": "incumbent"}
        review = {"url": "http://127.0.0.1:1", "oidc": oidc}
        Path("params.yaml").write_text(
            json.dumps({"registry": {"family": "test"}, "review": review})
        )
        with review_command() as (process, address), ThreadPoolExecutor(60) as people:
            for _ in range(60):
                people.submit(suppressed_get, f"{address}/sign-in/oidc")
            while not taken:  # the first of them has come through
                assert process.poll() is None
            assert httpx2.get(f"{address}/sign-in", timeout=60).status_code == 200
            assert len(taken) == 1
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=8) == 0  # it takes 3 s; the provider would hang for ever


def suppressed_get(address: str) -> None:
    with suppress(httpx2.HTTPError):
        httpx2.get(address, timeout=60)


@contextmanager
def review_command() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command on a free port, and the address that it listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = "from incumbent.cli import main; main()"
    command = [sys.executable, "-c", start, "review", f"--port={port}", "--no-browser"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            assert re.match("Reviews of family test", process.stdout.readline())
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
