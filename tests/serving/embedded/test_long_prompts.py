"""One long prompt keeps nobody from an answer, and is read for nobody who has left."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving.embedded.conftest import answer, chat

if TYPE_CHECKING:
    from serving.embedded.running_batch import LongPrompt

pytestmark = [pytest.mark.slow, pytest.mark.attack]

Run = Callable[..., None]
LONG = "All work and no play. " * 18  # about 400 tokens: the tiny bases have one a letter


def read_by(monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    monkeypatch.setattr("serving.embedded.running_batch.PIECE", tokens)


async def read_slowly(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple["asyncio.Task[str]", "LongPrompt"]:
    """A long prompt that is asked, and whose first piece was read: from now on it is read by a
    token a step, so that it takes hundreds of them.
    """
    asked = asyncio.create_task(answer(backend, chat("base", LONG)))
    batch = backend.thread.batch
    while not (found := list(batch.long)) or not found[0].memory.width:
        await asyncio.sleep(0)
    long = found[0]
    prompt = long.draft.question.prompt
    monkeypatch.setattr(long, "piece", lambda: prompt[long.memory.width :][:1])
    return asked, long


def test_others_are_answered_while_a_long_prompt_is_read(
    with_backend: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_by(monkeypatch, 40)

    async def use(backend: Any) -> None:
        asked, long = await read_slowly(backend, monkeypatch)
        assert await answer(backend, chat("base", "Why?", max_tokens=4))
        assert long.memory.width < len(long.draft.question.prompt)
        assert await asked

    with_backend(use, batch_size=2)


def test_a_prompt_is_not_read_on_when_who_asked_has_left(
    with_backend: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_by(monkeypatch, 40)

    async def use(backend: Any) -> None:
        asked, long = await read_slowly(backend, monkeypatch)
        asked.cancel()
        while backend.thread.batch.unfinished or backend.thread.batch.long:
            await answer(backend, chat("base", "Hi.", max_tokens=1))
        assert long.memory.width < len(long.draft.question.prompt)

    with_backend(use, batch_size=2)


@pytest.mark.parametrize("adapter", ["base", "bee-v2-b"])
def test_what_is_read_in_pieces_is_answered_as_if_it_were_read_whole(
    adapters: dict[str, Path],
    with_backend: Run,
    monkeypatch: pytest.MonkeyPatch,
    adapter: str,
) -> None:
    async def use(backend: Any) -> None:
        await backend.load("bee-v2-b", adapters["bee-v2-b"])
        questions = [LONG, "Why?", LONG + "Jack.", "Hm. " * 30]
        texts = []
        for piece in (10**6, 48):
            read_by(monkeypatch, piece)
            asked = (answer(backend, chat(adapter, question)) for question in questions)
            texts.append(await asyncio.gather(*asked))
        assert texts[0] == texts[1]

    with_backend(use, batch_size=3)
