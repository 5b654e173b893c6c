"""What answers: an engine with one base model, and adapters on it by name, whose API is OpenAI's.

Eval items and users' requests pass through the same protocol, so that a model is judged by the
engine that will serve it.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self

from evaluation.evaluation_settings import Decoding
from project.chat_template import under
from project.engine.engine_settings import Kept
from project.records.adapters import Engine
from project.records.data import Message, Row
from project.records.record import LATER, Record, later
from project.records.tool_calls import OfferedTools, as_json, json_object, marked
from project.tool_rendering import in_request

__all__ = ["Engine"]  # with what is defined here

# A request's or an answer's JSON object, as OpenAI's API has it.
Body = Mapping[str, Any]
Packing = Literal["f16", "q8_0", "q4_0", "q4_k"]  # of the weights in a GGUF file
KEPT: Kept = ContextVar("KEPT", default=None)  # a server that a block came to start


class Endpoint(StrEnum):
    """What a backend is asked, by its path behind the server's base URL."""

    CHAT = "/chat/completions"
    COMPLETIONS = "/completions"


BUSY = 429  # it works, and takes nothing further just now
UNREACHABLE = 503
# How servers say that a question is longer than their model reads.
TOO_LONG = re.compile(r"context[ _-]*(?:length|window|size)|maximum context", re.IGNORECASE)
LONGEST_WAIT = 600.0  # seconds; who is asked to wait for longer had better come back later


class BackendError(Exception):
    """A backend refused a request, or could not be reached: then its status is UNREACHABLE. One
    that has too much to do is BUSY.

    `body` is what it said, in OpenAI's shape where it has one: {"message", "type", "param",
    "code"}.
    """

    def __init__(
        self, status: int, message: str, body: Body | None = None, wait: float = 0.0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body or {}
        self.wait = wait  # seconds that it asks to wait for


class Names(Record):
    """The names that a backend answers to just now."""

    base: str  # the bare base model
    adapters: frozenset[str]


class Backend(Protocol):
    """One replica. Every method raises BackendError; one that cannot be reached is UNREACHABLE.

    A body's "model" is the base's name or that of an adapter which is loaded. Other fields are
    passed on as they are; a backend that lacks one refuses it with status 400 or leaves it aside as
    OpenAI does.
    """

    replica: str  # its address, or what it is

    async def answer(self, endpoint: Endpoint, body: Body) -> Body: ...

    def stream(self, endpoint: Endpoint, body: Body) -> AsyncIterator[Body]:
        """The chunks of an answer, without the [DONE] behind them. Closing it stops the work."""
        ...

    async def names(self) -> Names: ...

    async def load(self, name: str, adapter: Path) -> None:
        """Load an adapter's folder under a name that was never used for another one. Loaded under
        this name already, it stays as it is.
        """
        ...

    async def unload(self, name: str) -> None:
        """Let an adapter go; running answers end on it. One that is not loaded is no error."""
        ...

    async def engine(self) -> Engine: ...

    async def close(self) -> None: ...


# --- chat completions -----------------------------------------------------------------------------

# What is asked of a chat, and what is read of its answer.

# The newer name of max_tokens, which some models take and others do not know.
NEWER_LIMIT = "max_completion_tokens"


class ChatRequest(Record):
    """All that decides an answer: its digest is what the answer is kept under."""

    model: str
    messages: tuple[Message, ...]
    temperature: float | None
    max_tokens: int | None
    seed: Annotated[int | None, LATER] = None
    tools: OfferedTools = None

    @classmethod
    def of_row(cls, model: str, system_prompt: str | None, row: Row, decoding: Decoding) -> Self:
        """As a vendor's API takes it, with its tools in a field of their own."""
        asked = in_request(under(system_prompt, row.prompt), row.tools, natively=True)
        for turn in asked["messages"]:
            if turn["role"] == "tool":  # which call it answers says whose result it is
                turn.pop("name", None)
        return cls(
            model=model,
            messages=tuple(map(Message.model_validate, asked["messages"])),
            tools=tuple(asked["tools"]) if "tools" in asked else None,
            temperature=decoding.temperature,
            max_tokens=decoding.max_new_tokens,
        )

    def body(self, *, newer_limit: bool = False) -> dict[str, Any]:
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


MOST_TOKENS = 1 << 40  # in a request or its answer; a server may say any number


class TokenCounts(NamedTuple):
    prompt: int
    answer: int


class NoCompletionError(Exception):
    """What a server answers is no chat completion."""


def reply_of(given: Body) -> ChatReply:
    """The reply of a chat completion; a model that says nothing says "". Raises
    NoCompletionError.
    """
    try:
        choice = given["choices"][0]
        message = choice["message"]
        calls = [call_told(call) for call in message.get("tool_calls") or ()]
        told = [message.get("content") if calls else message["content"], *calls]
        return ChatReply(
            text=whole_characters("\n".join(filter(None, told))),
            model=whole_characters(given.get("model") or "") or None,
            fingerprint=whole_characters(given.get("system_fingerprint") or "") or None,
            cut=choice.get("finish_reason") == "length",
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise NoCompletionError(type(error).__name__) from None


def call_told(call: Body) -> str:
    """A call that a server read, as a text; what its arguments are is left to whoever reads it."""
    name, told = call["function"]["name"], call["function"].get("arguments") or "{}"
    arguments = told if isinstance(told, str) else as_json(told)
    with suppress(ValueError):
        arguments = as_json(json_object(arguments))
    return marked("tool_call", f'{{"name": {as_json(name)}, "arguments": {arguments}}}')


def counts_of(given: Body) -> TokenCounts | None:
    """None where the server does not count them."""
    usage = given.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, answer = (counts.get(name) for name in ("prompt_tokens", "completion_tokens"))
    if not (type(prompt) is int and type(answer) is int):
        return None
    known = 0 <= prompt < MOST_TOKENS and 0 <= answer < MOST_TOKENS
    return TokenCounts(prompt, answer) if known else None


def whole_characters(text: str) -> str:
    """Half a character, which a model may write and JSON may hold, cannot be stored."""
    return text.encode("utf-8", "replace").decode()
