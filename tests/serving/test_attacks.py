"""What is tried at the gateway: by callers, by their networks, and by backends."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import Body
from project.web_server import HEADER_BYTES, GuardedConnection
from serving.gateway_server import running
from serving.openai_api.gateway import Gateway
from serving.traffic_log.metrics import RequestLogFormatter
from tests.serving.conftest import (
    FAMILY,
    Listener,
    MakeGateway,
    NamingBackend,
    asking,
    deployment,
    for_ever,
    stream_of,
)

CHAT = "/v1/chat/completions"
V7 = deployment(7).name
BODY = json.dumps(asking()).encode()


def raw(body: bytes = BODY, *headers: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {CHAT} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if not headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def connected(address: str) -> socket.socket:
    parts = urlsplit(address)
    return socket.create_connection((parts.hostname, parts.port), timeout=5)


def sent(address: str, *parts: bytes) -> bytes:
    """All that comes back until the server closes, or has sent one whole answer."""
    with connected(address) as wire:
        with suppress(OSError):  # the server may have closed already
            for part in parts:
                wire.sendall(part)
            wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: received(wire), b""))


def received(wire: socket.socket) -> bytes:
    try:
        return wire.recv(65536)
    except ConnectionResetError:
        return b""


def statuses(answer: bytes) -> list[int]:
    return [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1")]


@pytest.mark.parametrize(
    "headers",
    [
        (f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked"),
        (f"Content-Length: {len(BODY)}", "Content-Length: 0"),
        ("Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
        (f"Content-Length: +{len(BODY)}",),
        ("Content-Length : 5",),
        ("X-A: b\r\n continued: c", "Content-Length: 0\rX: y"),
    ],
)
def test_a_smuggled_second_request_is_not_read(
    live: str, backend: NamingBackend, headers: tuple[str, ...]
) -> None:
    answer = sent(live, raw(BODY, *headers), raw())
    assert 200 not in statuses(answer)[1:]
    assert len(backend.asked) <= 1
    assert statuses(answer)[:1] in ([400], [], [200])


def test_a_body_that_never_comes_whole_is_given_up(
    live: str, monkeypatch: pytest.MonkeyPatch, backend: NamingBackend
) -> None:
    monkeypatch.setattr("serving.openai_api.request_body.read_body.__defaults__", (0.05,))
    with connected(live) as wire:
        wire.sendall(raw(b"{", "Content-Length: 100"))
        answer = b"".join(iter(lambda: received(wire), b""))
    assert statuses(answer) == [408]
    assert not backend.asked


def test_headers_that_never_end_are_cut_off(live: str) -> None:
    with connected(live) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nX: ")
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):
            for _ in range(1000):
                wire.sendall(b"x" * (HEADER_BYTES // 8))


def test_headers_that_come_slowly_are_cut_off(live: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GuardedConnection, "header_seconds", 0.05)
    with connected(live) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nX: y")
        assert received(wire) == b""


def test_a_body_that_is_too_long_is_not_read(live: str, backend: NamingBackend) -> None:
    long = sent(live, raw(b"", "Content-Length: 99999999999"))
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    chunked = sent(live, raw(b"", "Transfer-Encoding: chunked"), *[chunk] * 17)
    assert statuses(long) == [413]
    assert statuses(chunked) in ([413], [])
    assert not backend.asked


def test_a_stream_that_nobody_reads_is_ended_and_hinders_nobody(
    make_gateway: MakeGateway, backend: NamingBackend, listener: Listener
) -> None:
    long = stream_of(V7)[1] | {"filler": "x" * 100_000}
    backend.chunks = [long] * 1000
    with running(make_gateway(timeout_seconds=0.5)) as address, connected(address) as wire:
        wire.sendall(raw(json.dumps(asking(stream=True)).encode()))
        other = json.dumps(asking(model="bank@v7")).encode()
        head = raw(other, f"Content-Length: {len(other)}", "Connection: close")
        assert statuses(sent(address, head)) == [200]
        ends = {listener.heard.get(timeout=5).status for _ in range(2)}
    assert ends == {200, 504}


def test_a_client_that_hangs_up_ends_the_work(
    live: str, backend: NamingBackend, listener: Listener, gateway: Gateway
) -> None:
    at_work = threading.Event()

    async def work() -> None:
        at_work.set()
        await for_ever()

    backend.waits = work
    with connected(live) as wire:
        wire.sendall(raw())
        assert at_work.wait(5)
    assert listener.heard.get(timeout=5).status == 499
    assert gateway.table.running.total() == 0


HOSTILE_NAMES = [
    "../../etc/passwd",
    "bank@v7/../../x",
    "bank@v7\r\nX-Evil: 1",
    "bank\x00",
    "bank@v7\n",
    "bank@champion ",
    "bank-v6-060606060606",  # as the backend knows another version
    "other-family",
    "bank@v999999999999999999",
    "<script>alert(1)</script>",
    "\u202ebank",
    "bank@challenger",  # of an experiment, and there is none
    "bank@",
    "bank@V7",
    "bank@v07",
    V7,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_reaches_no_backend(
    client: TestClient, backend: NamingBackend, name: str
) -> None:
    answer = client.post(CHAT, json=asking(model=name))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert answer.text.isprintable()
    assert "X-Evil" not in answer.headers
    assert not backend.asked
    assert client.get(f"/v1/models/{name.encode().hex()}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        BODY[:-1] + b', "tools": ' + b"[" * 80 + b"]" * 80 + b"}",
        BODY[:-1] + b', "temperature": NaN}',
        BODY[:-1] + b', "top_p": 1e999}',
        BODY[:-1] + b', "seed": ' + b"9" * 5000 + b"}",
        BODY[:-1] + b', "model": "bank"}',
        BODY.replace(b"Who", b"\\ud800"),
        BODY.replace(b'"user"', b'"root"'),
        BODY.replace(b'"Who are you?"', b"7"),
        BODY.replace(b"[{", b"[[{").replace(b"}]", b"}]]"),
        BODY[:-1] + b', "max_tokens": -1}',
        BODY[:-1] + b', "max_tokens": "9"}',
        BODY[:-1] + b', "max_tokens": true}',
        BODY[:-1] + b', "n": 1000}',
        BODY[:-1] + b', "chat_template": "{{ x }}"}',
        BODY[:-1] + b', "stream": "yes"}',
    ],
)
def test_a_body_that_is_no_request_is_refused(
    client: TestClient, backend: NamingBackend, body: bytes
) -> None:
    answer = client.post(CHAT, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not backend.asked


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(0, 9) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text"]), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = ("messages", "prompt", "model", "stream", "n", "user", "stream_options", "tools", "id")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from([CHAT, "/v1/completions", "/v1/feedback"]),
    odd=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2),
)
def test_whatever_is_asked_nothing_breaks(
    client: TestClient, path: str, odd: dict[str, object]
) -> None:
    body = asking(prompt="x", rating=1) | odd
    answer = client.post(path, content=json.dumps(body))
    assert answer.status_code < 500
    assert answer.is_success or answer.json()["error"]["message"].isprintable()


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file"])
def test_an_address_in_a_message_is_not_fetched(client: TestClient, kind: str) -> None:
    part = {"type": kind, kind: {"url": "http://169.254.169.254/"}}
    messages = [{"role": "user", "content": [part]}]
    assert client.post(CHAT, json=asking() | {"messages": messages}).status_code == 400


def test_many_prompts_in_one_request_are_refused(client: TestClient) -> None:
    for prompt in (["x"] * 17, [[1]] * 17):
        body = {"model": FAMILY, "prompt": prompt}
        assert client.post("/v1/completions", json=body).status_code == 400
    assert client.post("/v1/completions", json={"model": FAMILY, "prompt": [1] * 17}).is_success


ODD_CHUNKS: list[Body] = [
    {"choices": None},
    {"choices": "x", "usage": "y"},
    {"choices": [None, {"delta": None}, {"delta": {"content": 5}}, {"index": []}]},
    {"choices": [{"delta": {"content": "\ud800"}, "finish_reason": 7}], "usage": {"a": 1}},
    {"choices": [], "usage": {"prompt_tokens": -1, "completion_tokens": "many"}},
    {},
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("odd", ODD_CHUNKS)
def test_whatever_a_backend_sends_the_gateway_goes_on(
    client: TestClient, backend: NamingBackend, listener: Listener, odd: Body, stream: bool
) -> None:
    backend.chunks, backend.fields = [odd, odd], dict(odd)
    assert client.post(CHAT, json=asking(stream=stream)).status_code == 200
    assert listener.exchanges[0].status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_json_from_a_backend_is_a_fault_of_the_backend(
    client: TestClient, backend: NamingBackend, stream: bool
) -> None:
    odd = {"choices": [{"logprob": float("nan")}]}
    backend.chunks, backend.fields = [odd], odd
    answer = client.post(CHAT, json=asking(stream=stream))
    assert "broken_off" in answer.text


def test_a_stream_without_a_chunk_is_no_answer(client: TestClient, backend: NamingBackend) -> None:
    backend.chunks = []
    assert client.post(CHAT, json=asking(stream=True)).status_code == 502


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the gateway logs, as it stands on stderr."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(RequestLogFormatter().format(record))

    kept, logger = Kept(), logging.getLogger("incumbent.requests")
    logger.addHandler(kept)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(kept)
    logger.setLevel(before)


FORGED = '\n{"level": "INFO", "status": 200, "caller": "admin"}\n\x1b[2J'


def test_a_prompt_that_looks_like_log_lines_is_in_no_log(
    client: TestClient, log_lines: list[str]
) -> None:
    client.post(CHAT, json=asking(FORGED, user=FORGED))
    (line,) = log_lines
    assert json.loads(line)["model"] == V7
    assert "admin" not in line


def test_a_name_or_path_that_looks_like_log_lines_stays_in_its_line(
    client: TestClient, log_lines: list[str]
) -> None:
    client.post(CHAT, json=asking(model=FORGED))
    client.get("/%0a%1b[2J%0d", headers={"X-Request-Id": "x y"})
    for line in log_lines:
        assert line.isprintable()
        assert json.loads(line)["status"] == 404
        assert json.loads(line)["caller"] == "local"


def test_a_request_id_of_a_caller_is_taken_where_it_is_harmless(client: TestClient) -> None:
    own = client.get("/v1/models", headers={"X-Request-Id": "trace-1.a_b"})
    odd = client.get("/v1/models", headers={"X-Request-Id": "x" * 65})
    assert own.headers["x-request-id"] == "trace-1.a_b"
    assert len(odd.headers["x-request-id"]) == 24


def test_two_answers_never_share_an_id_whatever_the_request_s_is(client: TestClient) -> None:
    headers = {"X-Request-Id": "same"}
    ids = {client.post(CHAT, json=asking(), headers=headers).json()["id"] for _ in range(2)}
    assert len(ids) == 2
