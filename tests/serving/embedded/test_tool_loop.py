"""The official client's loop of tools through the gateway, with the embedded backend."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest
from jsonschema import Draft202012Validator

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import BackendError, Endpoint
from project.chat_template import with_template
from project.records.data import Row
from serving.deploying.route_table import RouteTable
from serving.gateway_server import running
from serving.openai_api.caller_request import read_question
from serving.openai_api.gateway import Gateway
from serving.serving_settings import ServingParams
from tests.curation.test_tool_rows import ANSWER, ASKED, RESULT, called, row
from tests.serving.conftest import Assigner, deployment

if TYPE_CHECKING:
    from serving.embedded.embedded_backend import EmbeddedBackend

pytestmark = pytest.mark.slow

ACCOUNTS = {"type": "object", "properties": {"account": {"enum": ["savings", "rent"]}}}
ACCOUNTS |= {"required": ["account"], "additionalProperties": False}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": ACCOUNTS}}
    for name in ("get_balance", "lock")
]
SCHEMA = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
SCHEMA |= {"additionalProperties": False}
USUAL: dict[str, Any] = {"model": "bank", "max_tokens": 200}
CHOICES: tuple[Any, ...] = (
    "required",
    {"type": "function", "function": {"name": "get_balance"}},
)


@pytest.fixture(scope="module")
def backend(tiny_base: Path) -> Iterator["EmbeddedBackend"]:
    from serving.embedded.embedded_backend import EmbeddedBackend

    made = EmbeddedBackend(tiny_base, "float32", ServingParams(), name=deployment(7).name)
    yield made
    asyncio.run(made.close())


@pytest.fixture
def client(backend: "EmbeddedBackend") -> Iterator[openai.OpenAI]:
    table = RouteTable(champion=deployment(7))
    table.hold(deployment(7), backend)
    gateway = Gateway("bank", ServingParams(), Decoding(), table, Assigner(table))
    with (
        running(gateway) as live,
        openai.OpenAI(base_url=f"{live}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made


@pytest.mark.parametrize("choice", CHOICES)
def test_a_call_its_result_and_an_answer(client: openai.OpenAI, choice: Any) -> None:
    turns: list[Any] = [{"role": "user", "content": "What is left?"}]
    asked = {**USUAL, "tools": TOOLS, "tool_choice": choice, "parallel_tool_calls": False}
    first = client.chat.completions.create(messages=turns, **asked).choices[0]
    assert first.finish_reason == "tool_calls" and first.message.content is None
    (call,) = first.message.tool_calls or ()
    assert call.type == "function" and call.function.name in ("get_balance", "lock")
    Draft202012Validator(ACCOUNTS).validate(json.loads(call.function.arguments))

    with client.chat.completions.stream(messages=turns, **asked) as stream:
        streamed = stream.get_final_completion().choices[0]
    (same,) = streamed.message.tool_calls or ()
    assert streamed.finish_reason == "tool_calls" and not streamed.message.content
    assert same.function.name == call.function.name
    assert same.function.arguments == call.function.arguments

    turns += [
        first.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"balance": 90}'},
    ]
    last = client.chat.completions.create(messages=turns, tools=TOOLS, **USUAL | {"max_tokens": 8})
    assert last.choices[0].message.content and last.choices[0].finish_reason == "length"
    assert not last.choices[0].message.tool_calls


def test_json_of_a_schema_or_of_any_object(client: openai.OpenAI) -> None:
    turns: list[Any] = [{"role": "user", "content": "Are you sure?"}]
    form: Any = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    whole = client.chat.completions.create(messages=turns, response_format=form, **USUAL)
    Draft202012Validator(SCHEMA).validate(json.loads(whole.choices[0].message.content or ""))
    assert whole.choices[0].finish_reason == "stop"
    free: Any = {"type": "json_object"}
    cut = client.chat.completions.create(messages=turns, response_format=free, **USUAL)
    assert (cut.choices[0].message.content or "").startswith("{")


def tool_with(argument: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"x": argument}}
    return {"type": "function", "function": {"name": "f", "parameters": schema}}


def of_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("tools", {"tools": [tool_with({"not": {}})], "tool_choice": "required"}),
        ("response_format", {"response_format": of_schema({"pattern": "(?=a)b"})}),
        ("response_format", {"response_format": of_schema(SCHEMA), "tools": TOOLS}),
        ("tool_choice", {"tools": TOOLS[1:], "tool_choice": CHOICES[1]}),
        ("tool_choice", {"tool_choice": "required"}),
    ],
)
def test_what_the_engine_cannot_hold_to_is_refused_by_its_field(
    client: openai.OpenAI, field: str, fields: dict[str, Any]
) -> None:
    turns: list[Any] = [{"role": "user", "content": "What is left?"}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(messages=turns, **USUAL, **fields)
    assert caught.value.param == field


def test_an_answer_whose_grammar_cannot_be_followed_ends_alone(backend: "EmbeddedBackend") -> None:
    many = {f"x{place}": {"type": "string"} for place in range(2500)}
    body = {"model": deployment(7).name, "messages": [ASKED], "max_tokens": 9}
    held = body | {"response_format": of_schema({"type": "object", "properties": many})}

    async def both() -> list[Any]:
        asked = [backend.answer(Endpoint.CHAT, one) for one in (held, body)]
        return await asyncio.gather(*asked, return_exceptions=True)

    failed, answered = asyncio.run(both())
    assert isinstance(failed, BackendError) and "no grammar holds" in str(failed)
    assert answered["usage"]["completion_tokens"] == 9


def test_what_is_served_is_what_was_judged(backend: "EmbeddedBackend", tiny_base: Path) -> None:
    """Tools as rows have them, keys by the alphabet, whatever order a caller writes them in."""
    from evaluation.generation.answering_model import AnsweringModel

    model = AnsweringModel(tiny_base, None, Decoding(max_new_tokens=8), "float32")
    known: dict[str, Any] = {"type": "object", "required": ["account"], "properties": {}}
    tool = {"type": "function", "function": {"parameters": known, "name": "get_balance"}}
    for turns in ((ASKED, ANSWER), (ASKED, called(), RESULT, ANSWER)):
        own = Row.model_validate_json(row(*turns, tools=[tool]).canonical())
        body = {"model": deployment(7).name, "messages": list(turns[:-1]), "tools": [tool]}
        assert backend.questions.read(Endpoint.CHAT, body).prompt == model.prompt(own)


def test_a_version_that_was_judged_by_held_answers_gives_them(backend: "EmbeddedBackend") -> None:
    body = {"model": "bank", "messages": [ASKED], "tools": TOOLS}
    question = read_question(json.dumps(body).encode(), Endpoint.CHAT, 99, "embedded")
    for held in (True, False):
        judged = Decoding(constrained=held)
        asked = question.body_for(deployment(7), judged, 99, stream=False)
        assert (backend.questions.read(Endpoint.CHAT, asked).sieve is not None) == held
    strict = [{**tool, "function": {**tool["function"], "strict": True}} for tool in TOOLS]
    for choice, held in (("auto", True), ("none", False)):
        asked = {**body, "tools": strict, "tool_choice": choice}
        assert (backend.questions.read(Endpoint.CHAT, asked).sieve is not None) == held


def test_tools_of_a_base_whose_calls_nobody_reads_are_refused(tiny_base: Path) -> None:
    from importlib.resources import files

    from transformers import AutoTokenizer

    from serving.embedded.engine_request import QuestionReader

    base = with_template(tiny_base, (files("trl") / "chat_templates/gemma4_v2.jinja").read_text())
    reader = QuestionReader(AutoTokenizer.from_pretrained(base), 999, 50, 999)
    with pytest.raises(BackendError, match="a form that is not known") as caught:
        reader.read(Endpoint.CHAT, {"model": "m", "messages": [ASKED], "tools": TOOLS})
    assert caught.value.body["param"] == "tools"
