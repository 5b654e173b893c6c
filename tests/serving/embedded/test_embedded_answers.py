"""Answers of the embedded backend are those that evaluation judged, in OpenAI's shape."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import BackendError, Body, Endpoint
from project.model_pins import ModelChoice, pin
from project.paths import NUMERICS
from project.records.adapters import Numerics
from project.records.data import Row
from serving.serving_settings import ServingParams
from tests.architectures import save_tiny
from tests.serving.embedded.conftest import answer, chat, save_adapter

pytestmark = pytest.mark.slow

QUESTIONS = (
    "Hi.",
    "What is a fee?",
    "Tell me of the fox and the hen in the wood.",
    "Why?",
    "OK",
    "<|eot_id|>",
)
Run = Callable[..., None]


def judged(base: Path, adapter: Path | None) -> dict[str, str]:
    """What evaluation's own model answers to each question."""
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(base, adapter, Decoding(max_new_tokens=16, batch_size=2), "float32")
    rows = [Row.of(question, "Yes.", group=question, source="test") for question in QUESTIONS]
    texts = {answer.item: answer.text for answer in model.answer(rows)}
    return {row.prompt_text: texts[row.id] for row in rows}


def all_judged(base: Path, adapters: dict[str, Path]) -> dict[tuple[str, str], str]:
    found = {("base", question): text for question, text in judged(base, None).items()}
    for name, folder in adapters.items():
        found |= {(name, question): text for question, text in judged(base, folder).items()}
    return found


async def load_all(backend: Any, adapters: dict[str, Path]) -> None:
    for name, folder in adapters.items():
        await backend.load(name, folder)


async def refusal(backend: Any, body: Body) -> BackendError:
    with pytest.raises(BackendError) as caught:
        await backend.answer(Endpoint.CHAT, body)
    return caught.value


async def streamed(backend: Any, body: Body, endpoint: Endpoint = Endpoint.CHAT) -> list[Body]:
    return [chunk async for chunk in backend.stream(endpoint, body)]


def text_of(chunks: list[Body]) -> str:
    return "".join(
        choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]
    )


@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_each_answer_is_its_contestants_own_alone_and_in_a_mixed_batch(
    base: Path, adapters: dict[str, Path], with_backend: Run, batch_size: int
) -> None:
    expected = all_judged(base, adapters)
    assert len(set(expected.values())) > len(expected) / 2, "they can be told apart"

    async def use(backend: Any) -> None:
        await load_all(backend, adapters)
        asked = [chat(model, question) for model, question in expected] * 3
        texts = await asyncio.gather(*(answer(backend, body) for body in asked))
        assert [text.strip() for text in texts] == [*expected.values()] * 3
        alone = await answer(backend, chat("bee-v2-b", "Why?"))
        assert alone.strip() == expected["bee-v2-b", "Why?"]

    with_backend(use, batch_size=batch_size)


def test_prompts_that_begin_alike_are_answered_as_if_each_were_read_whole(
    base: Path, adapters: dict[str, Path], with_backend: Run
) -> None:
    from evaluation.generation.answering_model import AnsweringModel

    rows = [Row.of(question, "Yes.", group=question, source="test") for question in QUESTIONS]
    decoding, systems = (
        Decoding(max_new_tokens=16, batch_size=1),
        ("Be brief. " * 9, "Be kind. " * 9),
    )
    expected = {}
    for name, folder in adapters.items():
        for system in systems:
            model = AnsweringModel(base, folder, decoding, "float32", system)
            for row in rows:  # each in a call of its own, so that nothing is shared
                (found,) = model.answer([row])
                expected[name, system, row.prompt_text] = found.text

    async def use(backend: Any) -> None:
        await load_all(backend, adapters)
        asked = []
        for name, system, question in sorted(expected, key=lambda key: key[1:]):
            body = chat(name, question)
            body["messages"].insert(0, {"role": "system", "content": system})
            asked.append(((name, system, question), body))
        for again in (asked, asked[::-1]):
            texts = await asyncio.gather(*(answer(backend, body) for _, body in again))
            assert [text.strip() for text in texts] == [expected[key] for key, _ in again]
        known = backend.thread.batch.prefixes.known
        assert known.keys() == adapters.keys(), "what prompts begin with was kept"

    with_backend(use, batch_size=4)


@pytest.mark.parametrize("family", ["mistral", "falcon-40b"])
def test_other_families_answer_alike_one_with_a_window_among_them(
    family: str, tmp_path: Path, with_backend: Run
) -> None:
    base = save_tiny(family, tmp_path / "base")
    targets = ("query_key_value",) if family.startswith("falcon") else ("q_proj", "v_proj")
    adapters = {"a": save_adapter(base, tmp_path / "a", 1, targets)}
    expected = all_judged(base, adapters)

    async def use(backend: Any) -> None:
        await load_all(backend, adapters)
        texts = await asyncio.gather(*(answer(backend, chat(*asked)) for asked in expected))
        assert [text.strip() for text in texts] == [*expected.values()]

    with_backend(use, base=base)


def test_the_pieces_of_a_stream_are_the_whole_answer(
    adapters: dict[str, Path], with_backend: Run
) -> None:
    async def use(backend: Any) -> None:
        await load_all(backend, adapters)
        for name in ("base", *adapters):
            body = chat(name, "What is a fee?", max_tokens=40)
            chunks = await streamed(backend, body)
            assert text_of(chunks) == await answer(backend, body)
            assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
            assert [c["choices"][0]["finish_reason"] for c in chunks[:-1]] == [None] * (
                len(chunks) - 1
            )
            assert {(chunk["id"], chunk["model"]) for chunk in chunks} == {(chunks[0]["id"], name)}

    with_backend(use)


def test_usage_comes_with_an_answer_and_with_a_stream_that_asks_for_it(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        whole = await backend.answer(Endpoint.CHAT, chat("base", "Hi."))
        usage = whole["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        asked = chat("base", "Hi.", stream_options={"include_usage": True})
        *others, last = await streamed(backend, asked)
        assert (last["choices"], last["usage"]) == ([], usage)
        assert all(chunk["usage"] is None for chunk in others)
        assert "usage" not in (await streamed(backend, chat("base", "Hi.")))[-1]

    with_backend(use)


def test_a_stop_string_ends_an_answer_before_it(with_backend: Run, adapters: Any) -> None:
    async def use(backend: Any) -> None:
        await load_all(backend, adapters)
        body = chat("bee-v2-b", "What is a fee?", max_tokens=60)
        text = await answer(backend, body)
        stop = text[20:23]
        stopped = await backend.answer(Endpoint.CHAT, body | {"stop": stop})
        (choice,) = stopped["choices"]
        assert choice["message"]["content"] == text[: text.index(stop)]
        assert choice["finish_reason"] == "stop"
        assert stopped["usage"]["completion_tokens"] < 60
        assert text_of(await streamed(backend, body | {"stop": [stop]})) == text[: text.index(stop)]

    with_backend(use)


def test_a_seed_draws_the_same_answer_again_and_another_seed_another(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        body = chat("base", "Hi.", temperature=1.0, seed=1)
        first, again, other = await asyncio.gather(
            answer(backend, body), answer(backend, body), answer(backend, body | {"seed": 2})
        )
        assert first == again != other
        greedy = await answer(backend, chat("base", "Hi."))
        assert await answer(backend, body | {"top_p": 1e-9}) == greedy

    with_backend(use)


def test_completions_read_the_prompt_as_it_stands(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        body = {"model": "base", "prompt": "ab", "max_tokens": 5}
        whole = await backend.answer(Endpoint.COMPLETIONS, body)
        assert (whole["object"], whole["usage"]["prompt_tokens"]) == ("text_completion", 2)
        chunks = await streamed(backend, body, Endpoint.COMPLETIONS)
        text = "".join(chunk["choices"][0]["text"] for chunk in chunks)
        assert text == whole["choices"][0]["text"]

    with_backend(use)


def test_what_cannot_be_answered_is_refused_before_the_stream_begins(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        error = await refusal(backend, chat("nobody-v9", "Hi."))
        assert (error.status, error.body["code"]) == (404, "model_not_found")
        error = await refusal(backend, chat("base", "a" * 600))
        assert (error.status, error.body["code"]) == (400, "context_length_exceeded")
        assert (await refusal(backend, {"messages": []})).status == 400
        with pytest.raises(BackendError):
            await anext(backend.stream(Endpoint.CHAT, chat("base", "Hi.", n=2)))

    with_backend(use)


def test_the_engine_says_what_it_is(with_backend: Run) -> None:
    async def use(backend: Any) -> None:
        engine = await backend.engine()
        assert (engine.name, engine.model) == ("embedded", "base")
        assert "torch" in engine.version and "peft" in engine.version

    with_backend(use)


def test_a_pinned_base_answers_under_its_own_name_in_the_precision_of_the_evaluation(
    base: Path,
) -> None:
    from serving.embedded.embedded_backend import EmbeddedBackend

    pinned = pin(ModelChoice(model=str(base)), "base")
    Numerics(precision="bfloat16", processor="another").write(NUMERICS)
    backend = EmbeddedBackend.of(pinned, ServingParams())

    async def use() -> None:
        assert (await backend.names()).base == pinned.name
        assert pinned.weights[:12] in backend.replica
        assert "bfloat16" in str(backend.thread.model.dtype)
        assert await answer(backend, chat(pinned.name, "Why?"))
        await backend.close()

    asyncio.run(use())
