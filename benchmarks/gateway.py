"""What the gateway adds in front of a backend that answers at once.

python -m benchmarks.gateway [--requests 1500] [--at-once 32]

Three processes on loopback: a stub that answers at once, the gateway, and the client. Times are
those of single requests, one after the other, to the stub itself and through the gateway in turns.
What one core can do is told by the processor time that the gateway's process takes for a request,
with many at once, so that a busy machine does not change it. A stream has ten chunks.
"""

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.frame import arguments
from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.adapter_servers import VllmReplica
from project.listening import listening
from project.records.adapters import Contestant, ModelPin
from serving.deploying.route_table import RouteTable
from serving.exchange import Assignment, Deployment
from serving.gateway_server import GatewayServer
from serving.openai_api.gateway import Gateway
from serving.serving_settings import ServingParams
from serving.traffic_log.metrics import log_as_json

BASE = ModelPin(
    model="m", name="base", revision=None, weights="b" * 64, config="c" * 64, chat_template=None
)
VERSION = Deployment(
    version=7, name="bank-v7-070707070707", contestant=Contestant(base=BASE, adapter="07" * 32)
)
Processor = Callable[[], float]  # seconds that a process has spent
CHUNKS = 10
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: "


def main() -> None:
    options = arguments(__doc__, requests=1500, at_once=32)
    with started(serve_stub) as (stub, _), started(serve_gateway, stub) as (gateway, processor):
        for name, body in (("whole answers", asking()), ("streams", asking(stream=True))):
            report(name, stub, gateway, processor, body, options.requests, options.at_once)


def report(
    name: str,
    stub: int,
    gateway: int,
    processor: Processor,
    body: bytes,
    requests: int,
    at_once: int,
) -> None:
    direct, through = asyncio.run(in_turns(stub, gateway, body, requests))
    added = [b - a for a, b in zip(sorted(direct), sorted(through), strict=True)]
    median, p95 = statistics.median(added), added[int(0.95 * len(added))]
    before, began = processor(), time.perf_counter()
    asyncio.run(many(gateway, body, requests, at_once))
    took, spent = time.perf_counter() - began, processor() - before
    print(f"{name}: direct {statistics.median(direct):.2f} ms, through the gateway", end=" ")
    print(f"{statistics.median(through):.2f} ms; added {median:.2f} ms median, {p95:.2f} ms p95")
    print(f"  {at_once} at once: {requests / took:.0f} requests/s on the clock;", end=" ")
    print(
        f"{1000 * spent / requests:.2f} ms of processor a request: {requests / spent:.0f}/s a core"
    )


def asking(**fields: Any) -> bytes:
    messages = [{"role": "user", "content": "How do I block a lost card? " * 10}]
    body = json.dumps({"model": "bank", "messages": messages, "user": "ann", **fields}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


async def in_turns(
    stub: int, gateway: int, body: bytes, requests: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of each request, to the one and to the other."""
    times: tuple[list[float], list[float]] = ([], [])
    wires = [await asyncio.open_connection("127.0.0.1", port) for port in (stub, gateway)]
    for turn in range(requests):
        for wire, kept in zip(wires, times, strict=True):
            began = time.perf_counter()
            await ask(*wire, body)
            if turn >= requests // 10:  # the first ones warm up
                kept.append(1000 * (time.perf_counter() - began))
    for _, writer in wires:
        writer.close()
    return times


async def many(port: int, body: bytes, requests: int, at_once: int) -> None:
    async def some(count: int) -> None:
        wire = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            await ask(*wire, body)
        wire[1].close()

    await asyncio.gather(*(some(requests // at_once) for _ in range(at_once)))


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> None:
    """A request, and its whole answer."""
    writer.write(body)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b" 200 " in head.partition(b"\r\n")[0], head
    if b"chunked" in head:
        await reader.readuntil(b"0\r\n\r\n")
    else:
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))


@contextmanager
def started(serve: Callable[..., None], *arguments: int) -> Iterator[tuple[int, Processor]]:
    """A server in a process of its own: its port, and what reads its processor time."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(there, *arguments), daemon=True)
    process.start()
    port: int = here.recv()
    try:
        yield port, lambda: processor_seconds(process.pid or 0)
    finally:
        process.terminate()
        process.join()


def processor_seconds(process: int) -> float:
    """Of all its threads, as Linux counts them."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(ticks[11]) + int(ticks[12])) / 100


class Stub(asyncio.Protocol):
    """Answers whatever is asked of it as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.seen = b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, found, body = self.seen.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if found and len(body) >= length:
            stream = b'"stream":true' in body or b'"stream": true' in body
            self.seen = b""
            self.transport.write(STREAM if stream else WHOLE)


def chunk(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    about = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": VERSION.name}
    event = b"data: " + json.dumps({**about, "choices": [choice]}).encode() + b"\n\n"
    return b"%x\r\n" % len(event) + event + b"\r\n"


def whole() -> bytes:
    message = {"role": "assistant", "content": "Call us at once. " * 5}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    about = {"id": "x", "object": "chat.completion", "created": 1, "model": VERSION.name}
    usage = {"prompt_tokens": 70, "completion_tokens": 25, "total_tokens": 95}
    body = json.dumps({**about, "choices": [choice], "usage": usage}).encode()
    return HEAD + b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


WHOLE = whole()
DONE = b"data: [DONE]\n\n"
STREAM = (
    HEAD
    + b"text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunk("word ") * CHUNKS
    + b"%x\r\n" % len(DONE)
    + DONE
    + b"\r\n0\r\n\r\n"
)


def serve_stub(told: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class Champion:
    """Always answers: there is no experiment."""

    def assign(self, asked: str, user: str | None, request_id: str) -> Assignment:
        return Assignment(deployment=VERSION)

    def challenger(self) -> None:
        return None


def serve_gateway(told: Connection, stub: int) -> None:
    """As `incumbent serve` does, its log into memory."""
    log_as_json(stream=StringIO())
    backend = VllmReplica(f"http://127.0.0.1:{stub}/v1")
    table = RouteTable(champion=VERSION)
    table.hold(VERSION, backend)
    params = ServingParams(requests_a_minute=10**9, batch_size=64)  # as many at once as a server
    gateway = Gateway("bank", params, Decoding(), table, Champion())
    with listening("127.0.0.1", 0, "the benchmark") as bound:
        told.send(bound.getsockname()[1])
        GatewayServer(gateway).serve_on(bound)


if __name__ == "__main__":
    main()
