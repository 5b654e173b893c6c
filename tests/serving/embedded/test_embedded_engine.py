"""The engine's thread: who goes away is forgotten, and nobody waits for an engine that has died."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.generation.backends.backend import UNREACHABLE, BackendError, Endpoint
from tests.serving.embedded.conftest import answer, chat

pytestmark = pytest.mark.slow

Run = Callable[..., None]
LONG = {"max_tokens": 400}


async def idle(backend: Any) -> None:
    """Wait until no draft is left; each answer of one token is a few of the engine's steps."""
    while backend.thread.batch.unfinished:
        await answer(backend, chat("base", "Hi.", max_tokens=1))


def test_a_stream_that_is_closed_leaves_the_batch(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        streams = [backend.stream(Endpoint.CHAT, chat("base", "Hi.", **LONG)) for _ in range(4)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        assert len(backend.thread.batch.unfinished) == 4
        for stream in streams:
            await stream.aclose()
        assert backend.thread.batch.unfinished == []

    with_backend(use, batch_size=4)


def test_an_answer_that_is_cancelled_gives_its_place_to_one_that_waits(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        stream = backend.stream(Endpoint.CHAT, chat("base", "Hi.", **LONG))
        await anext(stream)
        waits = asyncio.create_task(answer(backend, chat("base", "Why?")))
        never = asyncio.create_task(answer(backend, chat("base", "Why not?")))
        await asyncio.sleep(0)
        never.cancel()
        await stream.aclose()
        assert await waits
        with pytest.raises(asyncio.CancelledError):
            await never
        await idle(backend)

    with_backend(use, batch_size=1)


def test_an_adapter_is_let_go_when_the_last_answer_on_it_was_given_up(
    adapters: dict[str, Path], with_backend: Run
) -> None:
    async def use(backend: Any) -> None:
        await backend.load("ant", adapters["ant-v1-a"])
        stream = backend.stream(Endpoint.CHAT, chat("ant", "Hi.", **LONG))
        await anext(stream)
        await backend.unload("ant")
        assert "ant" in backend.thread.model.keys
        await stream.aclose()
        while "ant" in backend.thread.model.keys:
            await answer(backend, chat("base", "Hi.", max_tokens=1))

    with_backend(use)


def test_an_engine_that_dies_fails_all_who_wait_and_is_unreachable_from_then_on(
    adapters: dict[str, Path], with_backend: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(backend: Any) -> None:
        stream = backend.stream(Endpoint.CHAT, chat("base", "Hi.", **LONG))
        await anext(stream)
        others = [answer(backend, chat("base", "Hi.", **LONG)) for _ in range(5)]
        waiting = asyncio.gather(*others, return_exceptions=True)
        await anext(stream)
        backend.thread.model.reader.model = None
        with pytest.raises(BackendError) as caught:
            await drain(stream)
        assert caught.value.status == 500
        assert {error.status for error in await waiting} <= {500, UNREACHABLE}
        for use_again in (
            backend.names(),
            backend.load("ant", adapters["ant-v1-a"]),
            backend.unload("ant"),
            answer(backend, chat("base", "Hi.")),
        ):
            with pytest.raises(BackendError) as caught:
                await use_again
            assert caught.value.status == UNREACHABLE
        assert "the embedded engine failed" in caplog.text

    with_backend(use, batch_size=2)


def test_who_joins_in_the_step_in_which_the_engine_dies_hears_of_it_too(
    with_backend: Run,
) -> None:
    async def use(backend: Any) -> None:
        backend.thread.model.reader.model = None
        asked = [answer(backend, chat("base", "Hi.")) for _ in range(5)]
        failed = await asyncio.gather(*asked, return_exceptions=True)
        assert {error.status for error in failed} <= {500, UNREACHABLE}

    with_backend(use)


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def test_closing_ends_running_answers_and_may_be_done_twice(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        stream = backend.stream(Endpoint.CHAT, chat("base", "Hi.", **LONG))
        await anext(stream)
        await backend.close()
        with pytest.raises(BackendError) as caught:
            await drain(stream)
        assert caught.value.status == UNREACHABLE
        assert not backend.thread.thread.is_alive()
        await backend.close()

    with_backend(use)


def test_an_event_loop_that_ends_with_answers_open_does_not_stop_the_engine(base: Path) -> None:
    from serving.embedded.embedded_backend import EmbeddedBackend
    from serving.serving_settings import ServingParams

    backend = EmbeddedBackend(base, "float32", ServingParams())

    async def ask_and_leave() -> None:
        await anext(backend.stream(Endpoint.CHAT, chat("base", "Hi.", **LONG)))

    async def ask_and_close() -> str:
        try:
            return await answer(backend, chat("base", "Hi."))
        finally:
            await backend.close()

    asyncio.run(ask_and_leave())
    assert asyncio.run(ask_and_close())
