"""The official client's loop of tools through the gateway, with a real vLLM."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer
from evaluation.generation.backends.adapter_servers import VllmReplica
from evaluation.generation.served_contestant import PLAIN_ENGINE, ServerModel
from project.model_pins import ModelChoice, pin
from project.records.data import Row
from serving.deploying.route_table import RouteTable
from serving.gateway_server import running
from serving.openai_api.gateway import Gateway
from serving.serving_settings import PoolParams, ServingParams
from tests.serving.conftest import Assigner, deployment
from tests.serving.vllm.server import VllmServer

pytestmark = pytest.mark.slow

CARDS = {"type": "object", "properties": {"card": {"enum": ["red", "blue"]}}}
CARDS |= {"required": ["card"], "additionalProperties": False}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "lock", "parameters": CARDS}}]
NAMED: Any = {"type": "function", "function": {"name": "lock"}}


@pytest.fixture
def client(
    vllm_server: VllmServer, base: Path, adapters: dict[str, Path]
) -> Iterator[openai.OpenAI]:
    judged = deployment(7)
    contestant = judged.contestant.model_copy(
        update={"base": pin(ModelChoice(model=str(base)), "base")}
    )
    served = judged.model_copy(update={"contestant": contestant})
    replica = VllmReplica(vllm_server.url)
    asyncio.run(VllmReplica(vllm_server.url).load(served.name, adapters["ant"]))
    pool = PoolParams(base=str(base), replicas=(vllm_server.url,))
    table = RouteTable(champion=served)
    table.hold(served, replica)
    params = ServingParams(backend="vllm", pools=(pool,))
    gateway = Gateway("bank", params, Decoding(), table, Assigner(table))
    with (
        running(gateway) as live,
        openai.OpenAI(base_url=f"{live}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made
    asyncio.run(VllmReplica(vllm_server.url).unload(served.name))


@pytest.mark.parametrize("choice", ["required", NAMED])
def test_a_call_its_result_and_an_answer(client: openai.OpenAI, choice: Any) -> None:
    turns: list[Any] = [{"role": "user", "content": "Lock it."}]
    usual: dict[str, Any] = {"model": "bank", "max_tokens": 120, "temperature": 0}
    asked = {**usual, "tools": TOOLS, "tool_choice": choice}
    first = client.chat.completions.create(messages=turns, **asked).choices[0]
    assert first.finish_reason == "tool_calls", first
    (call,) = first.message.tool_calls or ()
    assert call.type == "function" and call.function.name == "lock"
    assert json.loads(call.function.arguments)["card"] in ("red", "blue")

    with client.chat.completions.stream(messages=turns, **asked) as stream:
        streamed = stream.get_final_completion().choices[0]
    (same,) = streamed.message.tool_calls or ()
    assert same.function.name == "lock"
    assert json.loads(same.function.arguments) == json.loads(call.function.arguments)

    turns += [
        first.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"locked": true}'},
    ]
    last = client.chat.completions.create(messages=turns, tools=TOOLS, **usual | {"max_tokens": 8})
    assert last.choices[0].message.content and not last.choices[0].message.tool_calls


def test_json_of_a_schema(client: openai.OpenAI) -> None:
    turns: list[Any] = [{"role": "user", "content": "Which card?"}]
    form: Any = {"type": "json_schema", "json_schema": {"name": "card", "schema": CARDS}}
    answer = client.chat.completions.create(
        model="bank", messages=turns, response_format=form, max_tokens=120, temperature=0
    )
    assert json.loads(answer.choices[0].message.content or "")["card"] in ("red", "blue")


def test_tools_are_shown_and_answers_held_to_them_as_here(
    vllm_server: VllmServer, base: Path
) -> None:
    """Of a tool without a description, too, which vLLM gives one."""
    from evaluation.generation.answering_model import AnsweringModel
    from evaluation.generation.constraints import grammars_of

    decoding = Decoding(max_new_tokens=40, constrained=True)
    rows = [
        Row.of(f"Lock card {i}.", "It is locked.", group=str(i), source="cards").model_copy(
            update={"tools": tuple(TOOLS)}
        )
        for i in range(3)
    ]
    here = AnsweringModel(base, None, decoding, "float32").answer(rows)
    grammars = grammars_of(base)
    with asyncio.Runner() as runner:
        replica = VllmReplica(vllm_server.url)
        given = replica, "base", decoding, runner
        model = ServerModel(*given, plain=PLAIN_ENGINE, base=base, grammars=grammars)
        there = list(model.answer(rows))
        runner.run(replica.close())
    assert said(there) == said(here)


def said(answers: Iterable[Answer]) -> set[tuple[str, str, int]]:
    return {(one.item, one.text, one.prompt_tokens) for one in answers}
