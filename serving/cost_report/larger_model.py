"""A larger model behind an OpenAI-compatible server: each answer timed, and paid for once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.evaluation_settings import Decoding, Prices
from evaluation.generation.answers import Answer
from evaluation.generation.backends.backend import ChatRequest
from evaluation.generation.backends.chat_server import ChatServer, ask_together
from project.canonical import digest_json
from project.chat_template import under
from project.errors import IncumbentError
from project.files import home
from project.progress import progress
from project.records.data import Row
from project.records.record import Record

RETRIES = 2  # after 1 and 2 seconds, or when the server says
SECTION = "serving.cost.larger"


@dataclass(frozen=True)
class LargerModel:
    """Who is asked, and what it costs."""

    url: str  # up to and with /v1
    model: str
    prices: Prices = field(default_factory=Prices)
    key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 120.0
    concurrency: int = 4  # requests at a time


class TimedAnswer(Record):
    answer: Answer
    seconds: float  # from the request to the whole answer


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
    server = ChatServer(
        larger.url,
        key=larger.key,
        timeout=larger.timeout_seconds,
        retries=RETRIES,
        section=SECTION,
    )
    with progress(f"{larger.model}, dev", len(rows), "answers") as bar:

        async def kept_or_asked(row: Row) -> TimedAnswer:
            request = ChatRequest(
                model=larger.model,
                messages=tuple(under(system_prompt, row.prompt)),
                max_tokens=decoding.max_new_tokens,
                temperature=decoding.temperature,
            )
            place = place_of(larger, row, request)
            if place.exists():
                found = TimedAnswer.read(place)
            else:
                found = await ask(server, row, request)
                found.write(place)
            bar.advance()
            return found

        async with server:
            return await ask_together(kept_or_asked, rows, larger.concurrency)


async def ask(server: ChatServer, row: Row, request: ChatRequest) -> TimedAnswer:
    reply, tokens, seconds = await server.ask(request)
    if reply.too_long or tokens is None:
        problem = "does not read so long a prompt" if reply.too_long else "answers without `usage`"
        raise IncumbentError(f"{server.url} {problem}: row {row.id}")
    answer = Answer(item=row.id, text=reply.text, tokens=tokens.answer, prompt_tokens=tokens.prompt)
    return TimedAnswer(answer=answer, seconds=seconds)


def place_of(larger: LargerModel, row: Row, request: ChatRequest) -> Path:
    key = digest_json({"url": larger.url, "item": row.id, "body": request.body()})
    return home() / "serving" / "larger" / f"{key}.json"
