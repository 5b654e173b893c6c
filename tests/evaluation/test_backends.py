"""Servers over HTTP behind the one protocol: what they answer, and what goes wrong with them."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from evaluation.generation.backends.adapter_servers import AdapterServer, SGLangReplica, VllmReplica
from evaluation.generation.backends.backend import UNREACHABLE, BackendError, Body, Endpoint, Names
from evaluation.generation.backends.openai_server import (
    LARGEST_ANSWER,
    LARGEST_EVENT,
    OpenAIServer,
    key_in,
)
from project.errors import InputError
from project.records.adapters import Engine
from tests.evaluation.engine_server import EVENTS, Asked, EngineServer, Reply, engine_server

T = TypeVar("T")
CHAT = {"model": "base", "messages": [{"role": "user", "content": "Hi"}]}
CHUNK = json.dumps({"choices": [{"delta": {"content": "x"}}]})
ADAPTER = Path("adapters/one")


def asking(server: OpenAIServer, ask: Callable[[Any], Awaitable[T]]) -> T:
    async def asked() -> T:
        try:
            return await ask(server)
        finally:
            await server.close()

    return asyncio.run(asked())


def answer(server: OpenAIServer, body: Body = CHAT) -> Body:
    return asking(server, lambda it: it.answer(Endpoint.CHAT, body))


def chunks(server: OpenAIServer, body: Body = CHAT) -> list[Body]:
    async def all_of(it: OpenAIServer) -> list[Body]:
        return [chunk async for chunk in it.stream(Endpoint.CHAT, body)]

    return asking(server, all_of)


def refusal(reply: Reply, ask: Callable[[OpenAIServer], object] = answer) -> BackendError:
    """What becomes of a reply to a request for an answer, or for a stream."""
    with engine_server(lambda asked: reply) as engine, pytest.raises(BackendError) as refused:
        ask(OpenAIServer(engine.url, key="a-secret"))
    return refused.value


# --- answers --------------------------------------------------------------------------------------


def test_an_answer_is_what_the_server_says() -> None:
    with engine_server() as engine:
        found = answer(OpenAIServer(engine.url))
    assert found["choices"][0]["message"]["content"].strip() == "base  Hi"


def test_fields_are_passed_on_as_they_are() -> None:
    asked = {**CHAT, "tools": [{"type": "function"}], "unheard_of": None}
    with engine_server() as engine:
        answer(OpenAIServer(engine.url), asked)
        assert engine.bodies("/v1/chat/completions") == [{**asked, "stream": False}]


def test_a_key_goes_along_with_every_request() -> None:
    with engine_server() as engine:
        answer(OpenAIServer(engine.url, key="a-secret"))
        answer(OpenAIServer(engine.url))
        assert [asked.authorization for asked in engine.asked] == ["Bearer a-secret", None]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b'{"error": {"message": "Too long", "code": 400}}', "Too long"),
        (b'{"error": "plain"}', "plain"),
        (b'{"object": "error", "message": "older"}', "older"),
        (b'{"success": false, "error_message": "of an adapter"}', "of an adapter"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b"<html>\n busy", "<html> busy"),
        (b"[1]", "[1]"),
        (b"", "said nothing"),
        (b'{"error": {"message": "key a-secret is wrong"}}', "key [key] is wrong"),
    ],
)
def test_a_refusal_has_a_message_in_whichever_shape_it_comes(said: bytes, message: str) -> None:
    error = refusal(Reply(said, 400))
    assert (error.status, str(error), error.body["message"]) == (400, message, message)


def test_a_refusal_keeps_its_fields_in_openais_shape() -> None:
    assert refusal(Reply.error(404, "no such")).body == {
        "message": "no such",
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(b"<html>"), "no JSON"),
        (Reply(b'{"a": NaN}'), "no JSON"),
        (Reply(b"\xff"), "no JSON"),
        (Reply(b"[" * 100_000), "no JSON"),
        (Reply(b"[]"), "no object"),
        (Reply(b" " * (LARGEST_ANSWER + 1)), "more than"),
        (Reply(b"", 302), "status 302"),
        (Reply(b'{"error": {"message": "out of memory"}}'), "out of memory"),
    ],
)
def test_what_is_no_answer_is_a_bad_gateway(reply: Reply, problem: str) -> None:
    error = refusal(reply)
    assert error.status == 502
    assert problem in str(error)


def test_an_answer_that_breaks_off_is_as_of_a_server_that_is_away() -> None:
    assert refusal(Reply(b'{"choices":', cut=True)).status == UNREACHABLE


def test_nobody_on_a_port_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(BackendError) as refused:
        answer(OpenAIServer(f"http://127.0.0.1:{port}/v1"))
    assert refused.value.status == UNREACHABLE


def silent(ask: Callable[[OpenAIServer], object]) -> BackendError:
    """What becomes of a request to a server that takes it and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        with pytest.raises(BackendError) as refused:
            ask(OpenAIServer(url, timeout=0.05))
    return refused.value


@pytest.mark.parametrize("ask", [answer, chunks])
def test_a_server_that_says_nothing_is_unreachable(ask: Callable[[OpenAIServer], object]) -> None:
    error = silent(ask)
    assert error.status == UNREACHABLE
    assert "no answer in time" in str(error)


def test_a_connection_that_the_server_just_closed_costs_no_answer() -> None:
    """As uvicorn does with one that nobody used for five seconds."""
    said = json.dumps({"choices": []}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def asked() -> int:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            for _ in range(2):
                await reader.readuntil(b"}")
                if connections == 2 or _ == 0:  # the second request on the first one: hung up on
                    writer.write(head % len(said) + said)
                    await writer.drain()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            server = OpenAIServer(f"http://127.0.0.1:{port}/v1")
            for _ in range(2):
                await server.answer(Endpoint.CHAT, {"model": "base"})
            await server.close()
        return connections

    assert asyncio.run(asked()) == 2


# --- streams --------------------------------------------------------------------------------------


def test_a_stream_gives_the_chunks_without_its_end() -> None:
    with engine_server() as engine:
        found = chunks(OpenAIServer(engine.url))
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in found) == "base  Hi"


@pytest.mark.parametrize(
    "text",
    [
        f"data: {CHUNK}\r\n\r\ndata: [DONE]\r\n\r\n",
        f"data:{CHUNK}\n\ndata:[DONE]\n\n",
        f": a comment\nevent: message\nid: 1\ndata: {CHUNK}\n\n\n\n: more\n\ndata: [DONE]\n\n",
        'data: {"choices":\ndata: [{"delta": {"content": "x"}}]}\n\ndata: [DONE]\n\n',
        f"data: {CHUNK}\n\ndata: [DONE]\n\ndata: what comes behind is not read",
    ],
)
def test_events_are_read_in_every_way_to_write_them(text: str) -> None:
    with engine_server(lambda asked: Reply(text.encode(), kind=EVENTS)) as engine:
        assert chunks(OpenAIServer(engine.url)) == [json.loads(CHUNK)]


def test_an_event_may_come_in_pieces() -> None:
    text = f"data: {CHUNK}\r\n\r\ndata: [DONE]\r\n\r\n".encode()

    async def asked() -> list[Body]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")
            writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
            for byte in text:
                writer.write(b"1\r\n%c\r\n" % byte)
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            server = OpenAIServer(f"http://127.0.0.1:{port}/v1")
            found = [chunk async for chunk in server.stream(Endpoint.CHAT, {"model": "base"})]
            await server.close()
        return found

    assert asyncio.run(asked()) == [json.loads(CHUNK)]


@pytest.mark.parametrize(
    ("reply", "status", "problem"),
    [
        (Reply.events(CHUNK), 502, "[DONE]"),
        (Reply(b"", kind=EVENTS), 502, "[DONE]"),
        (Reply(f"data: {CHUNK}".encode(), kind=EVENTS), 502, "[DONE]"),
        (Reply.events(CHUNK, "{"), 502, "no JSON"),
        (Reply.events(CHUNK, "3"), 502, "no object"),
        (Reply.events(CHUNK, '{"error": {"message": "died", "code": 500}}'), 500, "died"),
        (Reply.events(CHUNK, '{"error": {"message": "died", "code": "odd"}}'), 502, "died"),
        (Reply.events(CHUNK, '{"error": "a-secret is odd"}'), 502, "[key] is odd"),
        (Reply.of({"choices": []}), 502, "application/json"),
        (Reply(b"data: " + b"x" * LARGEST_EVENT, kind=EVENTS), 502, "more than"),
        (Reply(b"data: x\n" * (LARGEST_EVENT // 6), kind=EVENTS), 502, "more than"),
        (Reply.events(CHUNK, cut=True), UNREACHABLE, "broke off"),
        (Reply.error(404, "no such model"), 404, "no such model"),
    ],
)
def test_a_stream_that_is_not_whole_is_an_error(reply: Reply, status: int, problem: str) -> None:
    error = refusal(reply, chunks)
    assert error.status == status
    assert problem in str(error)


def test_a_stream_that_is_closed_ends_the_work() -> None:
    """The server sees the connection end while it writes."""

    async def asked() -> bool:
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"}")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            writer.write(f"data: {CHUNK}\n\n".encode())
            assert await reader.read() == b""  # until the client hangs up
            gone.set()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            server = OpenAIServer(f"http://127.0.0.1:{port}/v1")
            stream = server.stream(Endpoint.CHAT, {"model": "base"})
            await anext(stream)
            await stream.aclose()
            await asyncio.wait_for(gone.wait(), 5)
            await server.close()
        return gone.is_set()

    assert asyncio.run(asked())


# --- adapters -------------------------------------------------------------------------------------


def test_an_adapter_is_loaded_once_named_and_unloaded() -> None:
    async def asked(it: AdapterServer) -> list[Names]:
        found = []
        for step in (it.load, it.load):
            await step("one", ADAPTER)
            found.append(await it.names())
        for _ in range(2):
            await it.unload("one")
        return [*found, await it.names()]

    with engine_server() as engine:
        found = asking(VllmReplica(engine.url), asked)
        there, gone = Names(base="base", adapters=frozenset({"one"})), frozenset[str]()
        assert found == [there, there, Names(base="base", adapters=gone)]
        assert engine.bodies("/v1/load_lora_adapter")[0]["lora_path"] == str(ADAPTER.resolve())


def test_a_folder_is_named_as_the_replica_sees_it(tmp_path: Path) -> None:
    with engine_server() as engine:
        replica = VllmReplica(engine.url, adapters=(tmp_path / "here", Path("/there")))
        asking(replica, lambda it: it.load("one", tmp_path / "here" / "abc"))
        assert engine.adapters == {"one": "/there/abc"}


def test_a_folder_that_the_replica_cannot_see_is_refused(tmp_path: Path) -> None:
    with engine_server() as engine:
        replica = VllmReplica(engine.url, adapters=(tmp_path / "here", Path("/there")))
        with pytest.raises(BackendError, match="lies outside of"):
            asking(replica, lambda it: it.load("one", tmp_path / "here" / ".." / "other"))


def test_an_adapter_that_cannot_be_loaded_is_an_error_with_the_servers_words() -> None:
    reply = Reply.error(500, "rank 64 is greater than max_lora_rank 16")
    assert "rank 64 is greater" in str(refused_load(reply))


def test_a_server_that_does_not_load_adapters_says_what_to_start_it_with() -> None:
    missing = Reply.of({"detail": "Not Found"}, 404)
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in str(refused_load(missing))


def refused_load(reply: Reply) -> BackendError:
    with (
        engine_server(only("/v1/load_lora_adapter", reply)) as engine,
        pytest.raises(BackendError) as refused,
    ):
        asking(VllmReplica(engine.url), lambda it: it.load("one", ADAPTER))
    return refused.value


def test_a_server_of_any_kind_loads_no_adapters() -> None:
    with engine_server() as engine, pytest.raises(BackendError, match="loads no adapters"):
        asking(OpenAIServer(engine.url), lambda it: it.load("one", ADAPTER))


def test_an_engine_is_its_version_and_the_base_that_it_holds() -> None:
    with engine_server() as engine:
        engine.adapters["one"] = "/adapters/one"
        found = asking(VllmReplica(engine.url), lambda it: it.engine())
        other = asking(OpenAIServer(engine.url), lambda it: it.engine())
    assert found == Engine(name="vllm", version="1.0", model="bank/base")
    assert other == Engine(name="openai", version=None, model=engine.url)


@pytest.mark.parametrize("listed", [{}, {"data": []}, {"data": [{"id": 3}]}, {"data": "x"}])
def test_a_server_that_lists_no_models_is_none(listed: dict[str, object]) -> None:
    nothing = only("/v1/models", Reply.of(listed))
    with engine_server(nothing) as engine, pytest.raises(BackendError, match="lists no models"):
        asking(VllmReplica(engine.url), lambda it: it.names())


def only(path: str, reply: Reply) -> Callable[[Asked], Reply | None]:
    return lambda asked: reply if asked.path == path else None


# --- SGLang ---------------------------------------------------------------------------------------


def as_sglang(asked: Asked) -> Reply | None:
    """It takes every model's name for its base; an adapter is asked for by lora_path."""
    wanted = asked.body.get("lora_path", "base")
    if asked.path == "/v1/chat/completions" and wanted not in ("base", "one"):
        return Reply.of({"message": f"LoRA adapters {{'{wanted}'}} are not loaded"}, 400)
    if asked.path == "/v1/models":
        cards = [{"id": "base", "parent": None}, {"id": "one", "parent": "base"}]
        return Reply.of({"data": cards})
    return None


def served_by_sglang(engine: EngineServer, model: str) -> dict[str, Any]:
    engine.adapters["one"] = "/adapters/one"
    answer(SGLangReplica(engine.url), {**CHAT, "model": model})
    return engine.bodies("/v1/chat/completions")[-1]


def test_sglang_is_told_the_adapter_beside_the_model() -> None:
    with engine_server(as_sglang) as engine:
        assert served_by_sglang(engine, "one")["lora_path"] == "one"
        assert "lora_path" not in served_by_sglang(engine, "base")


def test_an_adapter_that_sglang_lost_is_not_found() -> None:
    with engine_server(as_sglang) as engine, pytest.raises(BackendError) as refused:
        served_by_sglang(engine, "gone")
    assert refused.value.status == 404


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "  ", "with\nbreak", "ключ"])
def test_a_key_that_is_none_is_refused_by_the_name_of_its_variable(value: str) -> None:
    with pytest.raises(InputError, match="'VLLM_KEY'") as refused:
        key_in("VLLM_KEY", "evaluation.generation.key_variable", {"VLLM_KEY": value})
    assert "evaluation.generation.key_variable" in str(refused.value)


def test_without_a_variable_there_is_no_key() -> None:
    assert key_in(None, "a.field") is None
