"""Questions to an OpenAI-compatible server: asked again when it is busy, never when it refuses."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from evaluation.generation.backends.backend import UNREACHABLE, BackendError, Body, Endpoint
from evaluation.generation.backends.openai_server import OpenAIServer
from project.errors import IncumbentError
from project.records.data import Message
from project.records.record import LATER, Record, later

MOST_NAMES = 10  # of models, in an error
LONGEST_BACKOFF = 60.0  # seconds between two tries, unless the server asks for more
LONGEST_WAIT = 600.0  # what a server may ask for; beyond it the run ends and can go on later
MAY_PASS = {408, 425, 429}  # these and 5xx
NOT_TAKEN = {400, 413, 422}  # how servers refuse what a request holds
# How servers say that a question is longer than their model reads.
TOO_LONG = re.compile(r"context[ _-]*(?:length|window|size)|maximum context", re.IGNORECASE)
# The newer name of max_tokens, which some models take and others do not know.
NEWER_LIMIT = "max_completion_tokens"

Pause = Callable[[float], Awaitable[object]]  # waits for some seconds
T = TypeVar("T")
U = TypeVar("U")


class ChatRequest(Record):
    """All that decides an answer: its digest is what the answer is kept under."""

    model: str
    messages: tuple[Message, ...]
    temperature: float | None
    max_tokens: int | None

    def body(self, *, newer_limit: bool = False) -> dict[str, Any]:
        """As it is sent."""
        body = self.model_dump(exclude_none=True)
        if newer_limit and "max_tokens" in body:
            body[NEWER_LIMIT] = body.pop("max_tokens")
        return body


class ChatReply(Record):
    """An answer, as it is kept."""

    text: str
    model: Annotated[str | None, LATER] = None  # that the server says it answered with
    fingerprint: Annotated[str | None, LATER] = None  # of how it is served, likewise
    cut: bool = later(False)  # at max_tokens, so that its end is missing
    too_long: bool = later(False)  # the question, for what the model reads: there is no text


class TokenCounts(NamedTuple):
    prompt: int
    answer: int


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
    are.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        timeout: float,
        retries: int,
        section: str,
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
        return Completion(self.reply_of(given), counts_of(given), perf_counter() - start)

    async def failure(self, error: BackendError) -> IncumbentError:
        """What a failed request means; an UnavailableError where it may pass."""
        code, told = error.status, f"status {error.status}: {excerpt(str(error))}"
        if not error.body:  # the server itself said nothing of it
            if code == UNREACHABLE:
                return UnavailableError(f"{error}, {self.section}.url and its timeout")
            return IncumbentError(f"{error}; check {self.section}.url")
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
            f"{self.section}{served}"
        )

    async def models_served(self) -> str:
        """Which models there are, for whoever asked for one that is not there."""
        try:
            cards = await self.server.models()
        except BackendError:
            return ""
        names = [self.server.redacted(card["id"]) for card in cards[:MOST_NAMES]]
        return f"; it serves {', '.join(map(repr, names))}"

    def reply_of(self, given: Body) -> ChatReply:
        """A model that says nothing says ""."""
        try:
            choice = given["choices"][0]
            return ChatReply(
                text=self.clean(choice["message"]["content"] or ""),
                model=self.clean(given.get("model") or "") or None,
                fingerprint=self.clean(given.get("system_fingerprint") or "") or None,
                cut=choice.get("finish_reason") == "length",
            )
        except (LookupError, TypeError, AttributeError):
            raise IncumbentError(
                f"{self.url} answers, but with no chat completion: "
                f"{excerpt(self.server.redacted(json.dumps(given)))}; check {self.section}.url"
            ) from None

    def clean(self, text: str) -> str:
        """Without half a character, which JSON may hold, and without the key."""
        return self.server.redacted(text.encode("utf-8", "replace").decode())


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


def counts_of(given: Body) -> TokenCounts | None:
    usage = given.get("usage")
    found = usage if isinstance(usage, dict) else {}
    counts = [found.get(name) for name in ("prompt_tokens", "completion_tokens")]
    known = [count for count in counts if type(count) is int and count >= 0]
    return TokenCounts(*known) if len(known) == len(counts) else None


def excerpt(text: str, length: int = 200) -> str:
    """The end of a text on one line: what a person needs to see of it."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"…{line[-length:]}"
