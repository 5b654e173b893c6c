"""Adapters come and go while answers run, and each answer is of the adapter that it names."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.generation.backends.backend import BackendError, Body, Endpoint
from tests.serving.embedded.conftest import answer, chat, save_adapter

pytestmark = pytest.mark.slow

Run = Callable[..., None]
Change = Callable[[Path], object]


async def answer_alone(backend: Any, folder: Path) -> str:
    """Under a name of its own, as each adapter has: one that is loaded again may still be there."""
    name = f"alone-{folder.name}"
    await backend.load(name, folder)
    text = await answer(backend, chat(name, "Why?", max_tokens=6))
    await backend.unload(name)
    return text


async def rest_of(stream: AsyncIterator[Body]) -> str:
    texts = [chunk["choices"][0]["delta"].get("content", "") async for chunk in stream]
    return "".join(texts)


def test_swaps_under_load_give_no_wrong_answer(
    adapters: dict[str, Path], with_backend: Run
) -> None:
    """One adapter answers all the time. Two others have the second slot in turn, under a new name
    each time, and are unloaded while an answer runs on them.
    """
    stays, *others = adapters

    async def use(backend: Any) -> None:
        expected = {name: await answer_alone(backend, adapters[name]) for name in adapters}
        assert len(set(expected.values())) == len(adapters)
        await backend.load(stays, adapters[stays])
        swapping = asyncio.create_task(swap_often(backend, expected))
        asked = 0
        while not swapping.done():
            assert await answer(backend, chat(stays, "Why?", max_tokens=6)) == expected[stays]
            asked += 1
        await swapping
        assert asked > 5
        assert (await backend.names()).adapters == {stays}
        assert set(backend.thread.model.keys) == {stays}, "nothing is left of the others"

    async def swap_often(backend: Any, expected: dict[str, str]) -> None:
        for number in range(40):
            kind = others[number % 2]
            await backend.load(f"{kind}-{number}", adapters[kind])
            body = chat(f"{kind}-{number}", "Why?", max_tokens=6)
            stream = backend.stream(Endpoint.CHAT, body)
            await anext(stream)
            await backend.unload(f"{kind}-{number}")
            assert await rest_of(stream) == expected[kind]

    with_backend(use, slots=2)


def test_a_name_that_is_loaded_stays_as_it_is(
    adapters: dict[str, Path], with_backend: Run, tmp_path: Path
) -> None:
    async def use(backend: Any) -> None:
        await backend.load("ant", adapters["ant-v1-a"])
        text = await answer(backend, chat("ant", "Why?"))
        await asyncio.gather(*(backend.load("ant", adapters["bee-v2-b"]) for _ in range(3)))
        assert await answer(backend, chat("ant", "Why?")) == text

    with_backend(use, slots=1)


def test_an_adapter_that_is_unloaded_answers_no_more_and_one_that_was_not_there_is_no_error(
    adapters: dict[str, Path], with_backend: Run
) -> None:
    async def use(backend: Any) -> None:
        await backend.load("ant", adapters["ant-v1-a"])
        await backend.unload("ant")
        await backend.unload("ant")
        with pytest.raises(BackendError) as caught:
            await answer(backend, chat("ant", "Why?"))
        assert caught.value.status == 404

    with_backend(use)


def test_an_adapter_that_comes_back_while_an_answer_ends_on_it_stays(
    adapters: dict[str, Path], with_backend: Run
) -> None:
    async def use(backend: Any) -> None:
        await backend.load("ant", adapters["ant-v1-a"])
        stream = backend.stream(Endpoint.CHAT, chat("ant", "Why?", max_tokens=60))
        await anext(stream)
        await backend.unload("ant")
        await backend.load("ant", adapters["ant-v1-a"])
        text = await rest_of(stream)
        assert await answer(backend, chat("ant", "Why?", max_tokens=60)) == text

    with_backend(use)


def test_one_more_adapter_than_there_are_slots_is_refused(
    adapters: dict[str, Path], with_backend: Run
) -> None:
    async def use(backend: Any) -> None:
        first, second, third = adapters
        await backend.load(first, adapters[first])
        await backend.load(second, adapters[second])
        with pytest.raises(BackendError) as caught:
            await backend.load(third, adapters[third])
        assert (caught.value.status, caught.value.body["code"]) == (409, "no_slot")
        assert (await backend.names()).adapters == {first, second}
        await backend.unload(first)
        await backend.load(third, adapters[third])

    with_backend(use, slots=2)


def write_config(**changes: object) -> Change:
    def change(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def cut_weights(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def rename_keys(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "adapter_model.safetensors"
    tensors = {key.replace("base_model", "foreign"): t for key, t in load_file(path).items()}
    save_file(tensors, path)


BROKEN: dict[str, Change] = {
    "no folder": shutil.rmtree,
    "no weights": lambda folder: (folder / "adapter_model.safetensors").unlink(),
    "no config": lambda folder: (folder / "adapter_config.json").unlink(),
    "no JSON": lambda folder: (folder / "adapter_config.json").write_text("{"),
    "weights that are cut": cut_weights,
    "keys of another model": rename_keys,
    "another rank": write_config(r=4),
    "modules without weights": write_config(target_modules=["q_proj", "lm_head"]),
    "another method": write_config(use_dora=True),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_adapter_is_refused_and_nothing_of_it_is_left(
    change: Change, adapters: dict[str, Path], with_backend: Run, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(adapters["bee-v2-b"], broken)
    change(broken)

    async def use(backend: Any) -> None:
        await backend.load("ant", adapters["ant-v1-a"])
        text = await answer(backend, chat("ant", "Why?"))
        with pytest.raises(BackendError) as caught:
            await backend.load("broken", broken)
        assert caught.value.status == 400
        assert (await backend.names()).adapters == {"ant"}
        assert await answer(backend, chat("ant", "Why?")) == text

    with_backend(use)


def test_an_adapter_whose_layers_cannot_be_mixed_is_refused_and_others_answer_on(
    adapters: dict[str, Path], with_backend: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(backend: Any) -> None:
        await backend.load("ant", adapters["ant-v1-a"])
        text = await answer(backend, chat("ant", "Why?"))
        model = backend.thread.model
        with monkeypatch.context() as patch:
            patch.setattr(model, "try_out", refuse_to_mix)
            with pytest.raises(BackendError, match="cannot be put on the base"):
                await backend.load("bee", adapters["bee-v2-b"])
        assert set(model.keys) == {"ant"}
        assert await answer(backend, chat("ant", "Why?")) == text
        await backend.load("bee", adapters["bee-v2-b"])

    with_backend(use)


def refuse_to_mix(_: str) -> None:
    raise TypeError("does not support mixed adapter batches")


def test_the_scale_of_an_adapter_counts(base: Path, with_backend: Run, tmp_path: Path) -> None:
    """One whose alpha is next to nothing answers as the bare base does."""
    silent = save_adapter(base, tmp_path / "silent", 1)
    write_config(lora_alpha=1e-9)(silent)

    async def use(backend: Any) -> None:
        bare = await answer(backend, chat("base", "Why?", max_tokens=6))
        assert await answer_alone(backend, silent) == bare

    with_backend(use)
