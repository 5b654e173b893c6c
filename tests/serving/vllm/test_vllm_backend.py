"""The backend against a real vLLM on a processor: what the protocol promises, and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Answer
from evaluation.generation.backends.adapter_servers import VllmReplica
from evaluation.generation.backends.backend import UNREACHABLE, BackendError, Body, Endpoint
from evaluation.generation.served_contestant import PLAIN_ENGINE, ServerModel
from evaluation.generation.systems import respondent
from project import paths
from project.canonical import digest_folder
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant
from project.records.data import Message, Row
from tests.conftest import NUMERICS
from tests.serving.vllm.server import VllmServer

pytestmark = pytest.mark.slow
T = TypeVar("T")
TOKENS = 12
ROWS = [
    Row.of(f"What is {i} plus {i}?", f"It is {2 * i}.", group=str(i), source="sums")
    for i in range(4)
]
DECODING = Decoding(max_new_tokens=TOKENS, batch_size=4)
ENDS = (1,)  # end tokens of the tiny base


def asking(server: VllmServer, ask: Callable[[VllmReplica], Awaitable[T]]) -> T:
    async def asked() -> T:
        replica = VllmReplica(server.url)
        try:
            return await ask(replica)
        finally:
            await replica.close()

    return asyncio.run(asked())


def said(model: str, text: str = "Hello") -> Body:
    turns = [{"role": "user", "content": text}]
    return {"model": model, "messages": turns, "max_tokens": TOKENS, "temperature": 0}


def text_of(answer: Body) -> str:
    text: str = answer["choices"][0]["message"]["content"]
    return text


async def loaded(replica: VllmReplica, adapters: dict[str, Path]) -> None:
    for name, folder in adapters.items():
        await replica.load(name, folder)


def here(base: Path, adapter: Path | None, rows: Sequence[Row]) -> list[Answer]:
    """What transformers and PEFT answer."""
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(base, adapter, DECODING, "float32")
    order = {row.id: i for i, row in enumerate(rows)}
    answers = sorted(model.answer(rows), key=lambda answer: order[answer.item])
    means = model.reference_logprobs(rows)
    return [
        answer.model_copy(update={"reference_logprob": mean})
        for answer, mean in zip(answers, means, strict=True)
    ]


def there(server: VllmServer, model: str, rows: Sequence[Row]) -> list[Answer]:
    """What vLLM answers, by the same protocol."""
    with asyncio.Runner() as runner:
        replica = runner.run(made(server))
        served = ServerModel(
            replica, model, DECODING, runner, plain=PLAIN_ENGINE, reader=replica, ends=ENDS
        )
        found = {answer.item: answer for answer in served.answer(rows)}
        means = served.reference_logprobs(rows)
        runner.run(replica.close())
    return [
        found[row.id].model_copy(update={"reference_logprob": mean})
        for row, mean in zip(rows, means, strict=True)
    ]


async def made(server: VllmServer) -> VllmReplica:
    return VllmReplica(server.url)


def rounded(answers: Sequence[Answer]) -> list[Answer]:
    """The last digits of a logarithm are an engine's own."""
    return [
        answer.model_copy(update={"reference_logprob": round(answer.reference_logprob or 0, 3)})
        for answer in answers
    ]


def test_an_adapter_answers_under_its_name_until_it_is_unloaded(
    vllm_server: VllmServer, adapters: dict[str, Path]
) -> None:
    async def asked(replica: VllmReplica) -> tuple[str, str]:
        base = (await replica.names()).base
        await replica.load("ant", adapters["ant"])
        await replica.load("ant", adapters["ant"])
        assert "ant" in (await replica.names()).adapters
        own = text_of(await replica.answer(Endpoint.CHAT, said("ant")))
        bare = text_of(await replica.answer(Endpoint.CHAT, said(base)))
        for _ in range(2):
            await replica.unload("ant")
        assert "ant" not in (await replica.names()).adapters
        with pytest.raises(BackendError) as gone:
            await replica.answer(Endpoint.CHAT, said("ant"))
        assert (gone.value.status, gone.value.body["param"]) == (404, "model")
        return own, bare

    own, bare = asking(vllm_server, asked)
    assert own != bare


def test_an_adapter_that_lies_nowhere_is_not_loaded(vllm_server: VllmServer) -> None:
    with pytest.raises(BackendError, match="No adapter found"):
        asking(vllm_server, lambda replica: replica.load("nowhere", Path("/nowhere")))


def test_a_broken_adapter_is_not_loaded(
    vllm_server: VllmServer, adapters: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in adapters["ant"].iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[: -file.stat().st_size // 2])

    async def asked(replica: VllmReplica) -> frozenset[str]:
        with pytest.raises(BackendError):
            await replica.load("broken", broken)
        return (await replica.names()).adapters

    assert "broken" not in asking(vllm_server, asked)


def test_an_engine_says_its_version_and_its_base(vllm_server: VllmServer, base: Path) -> None:
    found = asking(vllm_server, lambda replica: replica.engine())
    assert (found.name, found.model) == ("vllm", str(base))
    assert found.version
    assert found.version[0].isdigit()


def test_a_stream_says_what_the_whole_answer_says(
    vllm_server: VllmServer, adapters: dict[str, Path]
) -> None:
    async def asked(replica: VllmReplica) -> tuple[str, str]:
        await loaded(replica, adapters)
        parts = [
            chunk["choices"][0]["delta"].get("content") or ""
            async for chunk in replica.stream(Endpoint.CHAT, said("bee"))
        ]
        return "".join(parts), text_of(await replica.answer(Endpoint.CHAT, said("bee")))

    streamed, whole = asking(vllm_server, asked)
    assert streamed == whole != ""


@pytest.mark.parametrize("name", [None, "ant", "dog"])
def test_eval_items_are_answered_as_by_transformers_and_peft(
    vllm_server: VllmServer, base: Path, adapters: dict[str, Path], name: str | None
) -> None:
    """Text, numbers of tokens, and the reference's mean log-probability."""
    asking(vllm_server, lambda replica: loaded(replica, adapters))
    folder = adapters[name] if name else None
    made_there = there(vllm_server, name or "base", ROWS)
    assert rounded(made_there) == rounded(here(base, folder, ROWS))


def test_a_contestant_is_loaded_for_its_answers_and_let_go(
    vllm_server: VllmServer, base: Path, adapters: dict[str, Path]
) -> None:
    generation = {"backend": "vllm", "url": vllm_server.url}
    Path("params.yaml").write_text(yaml.safe_dump({"evaluation": {"generation": generation}}))
    NUMERICS.write(paths.NUMERICS)
    folder = adapters["cat"]
    pinned = pin(ModelChoice(model=str(base)), "base")
    contestant = Contestant(base=pinned, adapter=digest_folder(folder))
    system = respondent(contestant, folder, DECODING, answering_numerics())
    assert rounded(system.answers(ROWS, "items")) == rounded(here(base, folder, ROWS))
    loaded = asking(vllm_server, lambda replica: replica.names()).adapters
    assert not any(name.startswith("adapter-") for name in loaded)


def test_a_system_prompt_is_read_as_transformers_reads_it(
    vllm_server: VllmServer, base: Path
) -> None:
    system = Message(role="system", content="Be short.")
    rows = [row.model_copy(update={"prompt": (system, *row.prompt)}) for row in ROWS[:1]]
    assert rounded(there(vllm_server, "base", rows)) == rounded(here(base, None, rows))


def test_a_server_that_was_killed_is_unreachable_and_comes_back_without_adapters(
    vllm_server: VllmServer, adapters: dict[str, Path]
) -> None:
    async def killed(replica: VllmReplica) -> BackendError:
        await replica.load("cat", adapters["cat"])
        vllm_server.kill()
        with pytest.raises(BackendError) as away:
            await replica.answer(Endpoint.CHAT, said("cat"))
        return away.value

    assert asking(vllm_server, killed).status == UNREACHABLE
    vllm_server.restart()
    names = asking(vllm_server, lambda replica: replica.names())
    assert names.adapters == frozenset()
