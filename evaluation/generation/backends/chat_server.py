"""Questions to an OpenAI-compatible server: asked again when it is busy, never when it refuses."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import NamedTuple, Self, TypeVar

from evaluation.generation.backends.backend import (
    LONGEST_WAIT,
    NEWER_LIMIT,
    TOO_LONG,
    UNREACHABLE,
    BackendError,
    Body,
    ChatReply,
    ChatRequest,
    Endpoint,
    NoCompletionError,
    TokenCounts,
    counts_of,
    reply_of,
)
from evaluation.generation.backends.openai_server import OpenAIServer
from project.errors import IncumbentError

MOST_NAMES = 10  # of models, in an error
LONGEST_BACKOFF = 60.0  # seconds between two tries, unless the server asks for more
MAY_PASS = {408, 425, 429}  # these and 5xx
NOT_TAKEN = {400, 413, 422}  # how servers refuse what a request holds

Pause = Callable[[float], Awaitable[object]]  # waits for some seconds
T = TypeVar("T")
U = TypeVar("U")


class Completion(NamedTuple):
    reply: ChatReply
    tokens: TokenCounts | None  # None where the server does not count them
    seconds: float  # from the request to the whole answer


class UnavailableError(IncumbentError):
    """The server gave no answer, but may give one later."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait  # seconds that the server asks for


class ChatServer:
    """One server and its connections, for one event loop. Errors name `section`, where the settings
    are; None: they are options of the command.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        timeout: float,
        retries: int,
        section: str | None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.server = OpenAIServer(url, key=key, timeout=timeout, by_proxy=True)
        self.url = f"{self.server.url}{Endpoint.CHAT}"
        self.retries = retries  # after the first try
        self.section = section
        self.pause = pause
        self.newer_limit = False  # whether the model refused max_tokens under its older name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    async def ask(self, request: ChatRequest) -> Completion:
        """Ask until there is an answer, as often as `retries` allow. Raises IncumbentError when the
        server refuses or stays away.
        """
        for attempt in range(self.retries + 1):
            try:
                return await self.attempt(request)
            except UnavailableError as error:
                fault = error
            if attempt < self.retries:
                await self.pause(max(fault.wait, min(2.0**attempt, LONGEST_BACKOFF)))
        raise IncumbentError(
            f"{fault}, after {self.retries + 1} tries; what was answered is kept, and a new run "
            "goes on from there"
        )

    async def attempt(self, request: ChatRequest) -> Completion:
        """Ask once. Raises UnavailableError when it is worth asking again."""
        newer, start = self.newer_limit, perf_counter()
        try:
            given = await self.server.answer(Endpoint.CHAT, request.body(newer_limit=newer))
        except BackendError as error:
            if error.status in NOT_TAKEN and NEWER_LIMIT in str(error) and not newer:
                self.newer_limit = True
                return await self.attempt(request)
            if error.status in NOT_TAKEN and TOO_LONG.search(str(error)):
                return Completion(ChatReply(text="", too_long=True), None, perf_counter() - start)
            raise await self.failure(error) from None
        return Completion(self.reply(given), counts_of(given), perf_counter() - start)

    async def failure(self, error: BackendError) -> IncumbentError:
        """What a failed request means; an UnavailableError where it may pass."""
        code, told = error.status, f"status {error.status}: {excerpt(str(error))}"
        if not error.body:  # the server itself said nothing of it
            if code == UNREACHABLE:
                return UnavailableError(f"{error}, {self.named('url')} and its timeout")
            return IncumbentError(f"{error}; check {self.named('url')}")
        if code in MAY_PASS or code >= 500:
            if error.wait > LONGEST_WAIT:
                return IncumbentError(
                    f"{self.url} asks to wait for {error.wait:.0f} s; what was answered is kept: "
                    "run it again then"
                )
            return UnavailableError(f"{self.url} answered with {told}", error.wait)
        served = await self.models_served() if code in (400, 404) else ""
        return IncumbentError(
            f"{self.url} refused with {told}; check url, model and key_variable in "
            f"{self.section or 'the options'}{served}"
        )

    async def models_served(self) -> str:
        """Which models there are, for whoever asked for one that is not there."""
        try:
            cards = await self.server.models()
        except BackendError:
            return ""
        names = [self.server.redacted(card["id"]) for card in cards[:MOST_NAMES]]
        return f"; it serves {', '.join(map(repr, names))}"

    def named(self, setting: str) -> str:
        return f"{self.section}.{setting}" if self.section else f"--{setting}"

    def reply(self, given: Body) -> ChatReply:
        """The reply without the key, which a server may repeat."""
        try:
            reply = reply_of(given)
        except NoCompletionError:
            raise IncumbentError(
                f"{self.url} answers, but with no chat completion: "
                f"{excerpt(self.server.redacted(json.dumps(given)))}; check {self.named('url')}"
            ) from None
        texts = {name: value for name, value in reply if isinstance(value, str)}
        redacted = {name: self.server.redacted(text) for name, text in texts.items()}
        return reply.model_copy(update=redacted)


async def ask_together(
    ask: Callable[[T], Awaitable[U]], things: Iterable[T], concurrency: int
) -> list[U]:
    """Ask about so many things at a time; the answers in their order. The first error ends it."""
    turns = asyncio.Semaphore(concurrency)

    async def in_turn(thing: T) -> U:
        async with turns:
            return await ask(thing)

    try:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(in_turn(thing)) for thing in things]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in asked]


def excerpt(text: str, length: int = 200) -> str:
    """The end of a text on one line: what a person needs to see of it."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"…{line[-length:]}"
