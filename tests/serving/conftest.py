"""A backend that answers at once with its model's name, the gateway in front of it, and clients."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from starlette.testclient import TestClient

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import (
    UNREACHABLE,
    BackendError,
    Body,
    Endpoint,
    Engine,
    Names,
)
from project.chat_template import with_template
from project.records.adapters import Contestant
from serving.called_tools import grammar_maker
from serving.deploying import follower
from serving.deploying.route_table import RouteTable
from serving.exchange import AnswerRef, Assignment, Deployment, Exchange, FeedbackGiven
from serving.experiments.experiments import assign
from serving.gateway_server import create_app, running
from serving.openai_api.gateway import Gateway
from serving.serving_settings import ServingParams
from tests.conftest import BASE

# A project that is served by one vLLM, for which a test stands in at that address.
SETTINGS = """
registry: {{family: bank}}
serving:
  backend: vllm
  pools: [{{base: a-base, replicas: ["{url}"]}}]
  traffic: {{seconds: 0.05}}
"""


ADDRESS = "http://127.0.0.1:8080"
FAMILY = "bank"


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for seconds until a gateway looks again."""
    monkeypatch.setattr(follower, "PAUSE", 0.01)


def deployment(number: int, system_prompt: str | None = None) -> Deployment:
    """Version `number` of family "bank"."""
    adapter = f"{number:02d}" * 32
    contestant = Contestant(base=BASE, adapter=adapter, system_prompt=system_prompt)
    return Deployment(
        version=number, name=f"{FAMILY}-v{number}-{adapter[:12]}", contestant=contestant
    )


@dataclass
class NamingBackend:
    """Answers at once with the name of the model that it was asked for; or as a test wants it."""

    replica: str = "http://replica-1/v1"
    asked: list[dict[str, Any]] = field(default_factory=list)
    fails: BackendError | None = None  # instead of an answer
    breaks: BackendError | None = None  # after the first words of a stream
    waits: Callable[[], Any] | None = None  # awaited before an answer
    chunks: list[Body] | None = None  # instead of a stream of its own
    fields: dict[str, Any] = field(default_factory=dict)  # of an answer, instead of its own
    closed: int = 0  # streams that were closed before their end

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        await self._begin(body)
        text = f"I am {body['model']}"
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
        if endpoint is Endpoint.COMPLETIONS:
            said = {"text": text}
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        choice = {"index": 0, "finish_reason": "stop", **said}
        kind = "chat.completion" if endpoint is Endpoint.CHAT else "text_completion"
        whole = {"id": "theirs", "object": kind, "created": 1, "model": body["model"]}
        return {**whole, "choices": [choice], "usage": usage, **self.fields}

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncGenerator[Body]:
        await self._begin(body)
        ended = False
        try:
            for chunk in self.chunks if self.chunks is not None else stream_of(body["model"]):
                yield chunk
                if self.breaks:
                    raise self.breaks
                if self.waits:
                    await self.waits()
            ended = True
        finally:
            self.closed += not ended

    async def _begin(self, body: Body) -> None:
        self.asked.append(dict(body))
        if self.waits and not body.get("stream"):
            await self.waits()
        if self.fails:
            raise self.fails

    async def names(self) -> Names:
        return Names(base="base", adapters=frozenset())

    async def load(self, name: str, adapter: Path) -> None: ...

    async def unload(self, name: str) -> None: ...

    async def engine(self) -> Engine:
        return Engine(name="fake", version=None, model=None)

    async def close(self) -> None: ...


def stream_of(model: str) -> list[Body]:
    """The chunks of "I am <model>", with OpenAI's usage behind them."""

    def chunk(delta: dict[str, str], finish: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        about = {"id": "theirs", "object": "chat.completion.chunk", "created": 1, "model": model}
        return {**about, "choices": [choice]}

    words = [chunk({"content": word}) for word in ("I ", "am ", model)]
    usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
    begin = chunk({"role": "assistant", "content": ""})
    return [begin, *words, chunk({}, "stop"), {**begin, "choices": [], "usage": usage}]


AWAY = BackendError(UNREACHABLE, "connection refused")


@dataclass
class Assigner:
    """The champion answers, as without an experiment; or whom a test names."""

    table: RouteTable
    always: Assignment | None = None

    def assign(self, asked: str, user: str | None, request_id: str) -> Assignment | None:
        if asked == "champion" and self.always is not None:
            return self.always
        return assign(self.table, None, asked, user, request_id)

    def challenger(self) -> Deployment | None:
        return None


@dataclass
class Listener:
    """An observer that remembers."""

    exchanges: list[Exchange] = field(default_factory=list)
    heard: SimpleQueue[Exchange] = field(default_factory=SimpleQueue)  # for other threads
    feedback: list[tuple[FeedbackGiven, AnswerRef | None]] = field(default_factory=list)

    def answered(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.heard.put(exchange)

    def fed_back(self, feedback: FeedbackGiven, answer: AnswerRef | None) -> None:
        self.feedback.append((feedback, answer))


@pytest.fixture
def backend() -> NamingBackend:
    return NamingBackend()


@pytest.fixture
def table(backend: NamingBackend) -> RouteTable:
    """Version 7 is champion, on one replica."""
    route = RouteTable(champion=deployment(7))
    route.hold(deployment(7), backend)
    return route


@pytest.fixture
def listener() -> Listener:
    return Listener()


MakeGateway = Callable[..., Gateway]


@pytest.fixture
def make_gateway(table: RouteTable, listener: Listener) -> MakeGateway:
    """A gateway with settings of a test's own: `make_gateway(running=1)`."""

    def make(**settings: Any) -> Gateway:
        return Gateway(
            family=FAMILY,
            params=ServingParams(**settings),
            decoding=Decoding(max_new_tokens=48),
            table=table,
            assigner=Assigner(table),
            observers=(listener,),
        )

    return make


@pytest.fixture
def gateway(make_gateway: MakeGateway) -> Gateway:
    return make_gateway()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[TestClient]:
    """Asks the gateway in this process; what breaks inside is an answer, as users get it."""
    with TestClient(create_app(gateway), ADDRESS, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def live(gateway: Gateway) -> Iterator[str]:
    """The address of the gateway behind a socket."""
    with running(gateway) as address:
        yield address


def asking(text: str = "Who are you?", model: str = FAMILY, **fields: Any) -> dict[str, Any]:
    """A chat's body."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


async def for_ever() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def knows(monkeypatch: pytest.MonkeyPatch, base_model: Path) -> Iterator[Any]:
    """The base whose folder is here has a template of trl's, or the embedded base's own."""

    def choose(name: str | None) -> None:
        grammar_maker.cache_clear()
        text = name and (files("trl") / f"chat_templates/{name}.jinja").read_text()
        folder = with_template(base_model, text) if text else base_model
        monkeypatch.setattr("serving.called_tools.folder_here", lambda _: folder)

    yield choose
    grammar_maker.cache_clear()
