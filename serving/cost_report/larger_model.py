"""A larger model behind an OpenAI-compatible server: each answer timed, and paid for once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from pydantic import ConfigDict, Field, ValidationError

from evaluation.evaluation_settings import Decoding, Prices
from evaluation.generation.answers import Answer
from evaluation.generation.backends.backend import Backend, BackendError, Body, Endpoint
from evaluation.generation.backends.openai_server import OpenAIServer
from project.canonical import digest_json
from project.chat_template import under
from project.errors import IncumbentError
from project.files import home
from project.progress import Bar, progress
from project.records.data import Row
from project.records.record import Record

AT_A_TIME = 4  # requests: its times are a user's, not those of a crowd
ANSWER_SECONDS = 120.0  # of one answer, as serving.timeout_seconds has it by default


@dataclass(frozen=True)
class LargerModel:
    """Who is asked, and what it costs."""

    url: str  # up to and with /v1
    model: str
    prices: Prices = field(default_factory=Prices)
    key: str | None = field(default=None, repr=False)


class TimedAnswer(Record):
    answer: Answer
    seconds: float  # from the request to the whole answer


class Message(Record):
    model_config = ConfigDict(extra="ignore")

    content: str | None = None


class Choice(Record):
    model_config = ConfigDict(extra="ignore")

    message: Message


class Tokens(Record):
    model_config = ConfigDict(extra="ignore")

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class Said(Record):
    """What is read of a server's answer."""

    model_config = ConfigDict(extra="ignore")

    choices: tuple[Choice, ...] = Field(min_length=1)
    usage: Tokens


def ask_larger(
    larger: LargerModel, rows: Sequence[Row], system_prompt: str | None, decoding: Decoding
) -> list[TimedAnswer]:
    """Its answers to the rows, in their order; those that it gave before are not asked again.

    Raises IncumbentError where it gives none.
    """
    return asyncio.run(ask_all(larger, rows, system_prompt, decoding))


async def ask_all(
    larger: LargerModel, rows: Sequence[Row], system_prompt: str | None, decoding: Decoding
) -> list[TimedAnswer]:
    turns = asyncio.Semaphore(AT_A_TIME)
    with progress(f"{larger.model}, dev", len(rows), "answers") as bar:
        async with server(larger) as backend, asyncio.TaskGroup() as tasks:

            async def one(row: Row) -> TimedAnswer:
                body = request(larger, row, system_prompt, decoding)
                async with turns:
                    return await kept_or_asked(backend, larger, row, body, bar)

            asked = [tasks.create_task(one(row)) for row in rows]
    return [task.result() for task in asked]


@asynccontextmanager
async def server(larger: LargerModel) -> AsyncIterator[Backend]:
    """Raises IncumbentError: the first failure of several requests is the one to tell."""
    backend = OpenAIServer(larger.url, key=larger.key, timeout=ANSWER_SECONDS)
    try:
        yield backend
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        if not isinstance(first, BackendError | IncumbentError):
            raise
        raise IncumbentError(f"{larger.model} at {larger.url} gives no answer: {first}") from None
    finally:
        await backend.close()


def request(larger: LargerModel, row: Row, system_prompt: str | None, decoding: Decoding) -> Body:
    return {
        "model": larger.model,
        "messages": [m.model_dump() for m in under(system_prompt, row.prompt)],
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
    }


async def kept_or_asked(
    backend: Backend, larger: LargerModel, row: Row, body: Body, bar: Bar
) -> TimedAnswer:
    place = place_of(larger, row, body)
    if place.exists():
        found = TimedAnswer.read(place)
    else:
        found = await ask(backend, row, body)
        found.write(place)
    bar.advance()
    return found


async def ask(backend: Backend, row: Row, body: Body) -> TimedAnswer:
    start = perf_counter()
    given = await backend.answer(Endpoint.CHAT, body)
    seconds = perf_counter() - start
    said = read(given)
    answer = Answer(
        item=row.id,
        text=said.choices[0].message.content or "",
        tokens=said.usage.completion_tokens,
        prompt_tokens=said.usage.prompt_tokens,
    )
    return TimedAnswer(answer=answer, seconds=seconds)


def read(given: Body) -> Said:
    try:
        return Said.model_validate(given)
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise IncumbentError(f"it answers without a good `{place}`") from None


def place_of(larger: LargerModel, row: Row, body: Body) -> Path:
    key = digest_json({"url": larger.url, "item": row.id, "body": dict(body)})
    return home() / "serving" / "larger" / f"{key}.json"
