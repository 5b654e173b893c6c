"""What a replica may send: packed gigabytes, endless lines, words that are not what they seem."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from evaluation.generation.backends.adapter_servers import SGLangReplica, VllmReplica
from evaluation.generation.backends.backend import BUSY, BackendError, Body, Endpoint
from evaluation.generation.backends.openai_server import (
    LARGEST_EVENT,
    OpenAIServer,
    StreamError,
    data_of_events,
)
from tests.evaluation.engine_server import Asked, Reply, engine_server

CHAT = {"model": "base", "messages": [{"role": "user", "content": "Hi"}]}


def refusal(server: OpenAIServer, body: Body = CHAT, *, stream: bool = False) -> BackendError:
    async def ask() -> None:
        try:
            if stream:
                async for _ in server.stream(Endpoint.CHAT, body):
                    pass
            else:
                await server.answer(Endpoint.CHAT, body)
        finally:
            await server.close()

    with pytest.raises(BackendError) as refused:
        asyncio.run(ask())
    return refused.value


@contextmanager
def packing_server(body: bytes, kind: str) -> Iterator[str]:
    """Answers packed twice, though nobody asked for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Encoding", "gzip, gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("stream", [False, True])
def test_a_packed_answer_is_not_unpacked(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte that was packed twice may be a gigabyte."""
    unpacked: list[bytes] = []
    monkeypatch.setattr(
        "httpx2._decoders.GZipDecoder.decode", lambda _, data: unpacked.append(data)
    )
    bomb = gzip.compress(gzip.compress(b"data: {}\n\n" * 100))
    with packing_server(bomb, "text/event-stream" if stream else "application/json") as url:
        error = refusal(OpenAIServer(url), stream=stream)
    assert error.status == 502
    assert not unpacked


def test_a_line_that_comes_byte_by_byte_takes_time_in_proportion_to_its_length() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_EVENT + 1):
            yield b"x"

    async def read() -> None:
        async for _ in data_of_events(parts()):
            pass

    began = time.process_time()
    with pytest.raises(StreamError, match="more than"):
        asyncio.run(read())
    assert time.process_time() - began < 5  # it was minutes, while nobody else was answered


def test_a_server_that_is_there_and_says_503_is_busy_and_not_away() -> None:
    """SGLang says so of a full queue; a replica that is away would lose all its traffic."""
    for reply in (
        Reply.error(503, "The request queue is full."),
        Reply.of({"error": {"message": "The request queue is full.", "code": 503}}),
    ):
        with engine_server(lambda asked, reply=reply: reply) as engine:  # type: ignore[misc]
            error = refusal(OpenAIServer(engine.url))
        assert (error.status, str(error)) == (BUSY, "The request queue is full.")


QUOTED = "response_format: 'adapters are not loaded' is no format"


@pytest.mark.parametrize(("loaded", "status"), [(True, 400), (False, 404)])
def test_what_a_request_says_does_not_take_an_adapter_from_the_route(
    loaded: bool, status: int
) -> None:
    def complains(asked: Asked) -> Reply | None:
        return Reply.error(400, QUOTED) if asked.path.endswith("completions") else None

    with engine_server(complains) as engine:
        if loaded:
            engine.adapters["bank-v7-0"] = "/adapters/7"
        error = refusal(SGLangReplica(engine.url), {**CHAT, "model": "bank-v7-0"})
    assert error.status == status


def test_an_engine_says_its_version_in_one_short_line() -> None:
    async def told(url: str) -> str | None:
        replica = VllmReplica(url)
        try:
            return (await replica.engine()).version
        finally:
            await replica.close()

    with engine_server() as engine:
        engine.version = "1\n\x1b[2J" + "x" * 10_000
        version = asyncio.run(told(engine.url))
    assert version is not None
    assert version.isprintable() and len(version) < 100
