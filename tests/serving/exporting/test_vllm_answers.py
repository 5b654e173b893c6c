"""A vLLM server is asked under the version's own name, and is left as it was found."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import BackendError
from project.errors import IncumbentError, InputError
from project.records.adapters import Adapter, AdapterVersion
from registry.store import Registry
from serving.exchange import deployment_of
from serving.exporting.server_answers import by_vllm, pool_of, server_answers
from serving.exporting.start_scripts import FormAnswers, RescoringRequest
from serving.serving_settings import PoolParams, ServingParams
from tests.conftest import BASE
from tests.serving.exporting.fake_backend import FakeBackend, chat
from tests.serving.exporting.judged_project import row_of

ROWS = [row_of("one?"), row_of("two?")]
Make = Callable[[str], tuple[Adapter, Path]]


@pytest.fixture
def version(make_adapter: Make, registry: Registry) -> AdapterVersion:
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"system_prompt": "Be brief."})
    return registry.submit(adapter, folder, "made")


def asked(version: AdapterVersion, registry: Registry, *replicas: FakeBackend) -> FormAnswers:
    question = RescoringRequest(version, ROWS, Decoding(max_new_tokens=7), "float32")
    return asyncio.run(by_vllm(question, registry.artifacts, list(replicas)))


def test_the_adapter_is_loaded_for_the_answers_and_taken_away_again(
    version: AdapterVersion, registry: Registry
) -> None:
    replica, name = FakeBackend(), deployment_of(version).name
    found = asked(version, registry, replica)
    assert [answer.text for answer in found.answers] == ["one?!", "two?!"]
    assert (found.engine.name, found.engine.version) == ("vllm", "0.32.0")
    assert replica.told == [f"load {name}", f"unload {name}"]
    body = replica.asked[0]  # with all that it was judged with
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["temperature"], body["max_tokens"]) == (0, 7)


def test_an_adapter_that_a_gateway_loaded_stays(
    version: AdapterVersion, registry: Registry
) -> None:
    replica = FakeBackend()
    replica.adapters[deployment_of(version).name] = None
    asked(version, registry, replica)
    assert replica.told == []


def test_the_first_replica_that_can_be_reached_is_asked(
    version: AdapterVersion, registry: Registry
) -> None:
    replica = FakeBackend()
    asked(version, registry, FakeBackend("gone", away=True), replica)
    assert len(replica.asked) == 2
    with pytest.raises(BackendError, match="gone cannot be reached"):
        asked(version, registry, FakeBackend("gone", away=True))


def test_an_answer_that_is_none_is_refused() -> None:
    class Odd(FakeBackend):
        async def answer(self, *_: object) -> dict[str, object]:
            return {"choices": []}

    with pytest.raises(IncumbentError, match="is no chat completion"):
        asyncio.run(server_answers(Odd(), "m", ROWS, Decoding()))
    assert chat("x")["choices"]


def test_without_a_server_for_its_base_the_next_step_is_named() -> None:
    pool = PoolParams(base="another", replicas=("http://127.0.0.1:8000/v1",))
    for params in (ServingParams(), ServingParams(backend="vllm", pools=(pool,))):
        with pytest.raises(InputError, match=r"names no vLLM server with a-base .*--for peft"):
            pool_of(params, BASE)
    own = PoolParams(base="m", replicas=("http://127.0.0.1:8001/v1",))
    assert pool_of(ServingParams(backend="vllm", pools=(pool, own)), BASE) == own
