"""An answer in the making: grown by the engine's thread, heard of by who asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from time import time
from typing import Any, Literal
from uuid import uuid4

from evaluation.generation.backends.backend import BackendError, Body, Endpoint
from project.errors import InputError
from serving.embedded.engine_request import EngineRequest, refused

# --- answer text ----------------------------------------------------------------------------------

# The text of an answer while its tokens come: what of it may be shown, and where it ends.

HALF = "�"  # what a decoder makes of a character whose other bytes are in a token to come


@dataclass
class AnswerText:
    """Shows whole characters alone, and nothing of a stop string, also of one that is spread over
    tokens: what could be its beginning waits for the next token.
    """

    decode: Callable[[Sequence[int]], str]
    stops: tuple[str, ...] = ()
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    shown: int = 0  # characters
    stopped: bool = False  # at a stop string

    def read(self) -> None:
        """Decode the tokens that are there, and look for a stop string."""
        self.text = self.decode(self.tokens)
        places = [self.text.find(stop, self.shown) for stop in self.stops]
        if starts := [start for start in places if start >= 0]:
            self.text = self.text[: min(starts)]
            self.stopped = True

    def show(self, *, whole: bool) -> str:
        """What was not shown yet; `whole` where the answer has ended, so that nothing waits."""
        ready = self.text if whole else self.settled()
        fresh = ready[self.shown :]
        self.shown += len(fresh)
        return fresh

    def settled(self) -> str:
        """The text up to what the next token may change."""
        text = self.text.rstrip(HALF)
        return text[: len(text) - max((begun(text, stop) for stop in self.stops), default=0)]


def begun(text: str, stop: str) -> int:
    """How many characters of a stop string the text ends with, the whole string aside."""
    most = min(len(stop) - 1, len(text))
    return next((n for n in range(most, 0, -1) if text.endswith(stop[:n])), 0)


# --- draft ----------------------------------------------------------------------------------------

Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """What is new of an answer."""

    text: str
    tokens: int  # of the whole answer until now, the end token included
    finish: Finish | None = None  # why it ended; None: more comes


@dataclass(eq=False)
class AnswerDraft:
    question: EngineRequest
    adapter: str | None  # None: the bare base
    text: AnswerText
    hear: Callable[[Piece | BackendError], None]
    streamed: bool  # whether each piece is heard of, or the whole answer at its end
    chance: Random = field(init=False)
    finish: Finish | None = None
    gone: bool = False  # nobody waits for it any more; set by another thread than the engine's

    def __post_init__(self) -> None:
        self.chance = self.question.sampling.chance()

    @property
    def ended(self) -> bool:
        return self.finish is not None or self.gone

    def sift(self, logits: Any) -> None:
        """Leave of the next token's logits, in place, what the answer may go on with."""
        if self.question.sieve and not self.ended:
            with self.given_up():
                self.question.sieve.sift(logits)

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """Where its grammar cannot be followed any more: the others go on."""
        try:
            yield
        except InputError as error:
            self.gone = True
            self.hear(refused(str(error), None))

    def add(self, token: int, *, end: bool) -> None:
        """Grow by a token, `end` where it is one that ends an answer."""
        if self.question.sieve and not end:
            with self.given_up():
                self.question.sieve.take(token)
        self.text.tokens.append(token)
        full = len(self.text.tokens) == self.question.limit
        if end or full or self.streamed or self.text.stops:
            self.text.read()
        if end or full or self.text.stopped:
            self.finish = "stop" if end or self.text.stopped else "length"
        if self.finish or self.streamed:
            shown = self.text.show(whole=self.finish is not None)
            self.hear(Piece(shown, len(self.text.tokens), self.finish))


# --- answer bodies --------------------------------------------------------------------------------

# Answers in the shape of OpenAI's API: whole ones, and the chunks of a stream.

WHOLE = {Endpoint.CHAT: "chat.completion", Endpoint.COMPLETIONS: "text_completion"}
CHUNK = {Endpoint.CHAT: "chat.completion.chunk", Endpoint.COMPLETIONS: "text_completion"}
PREFIX = {Endpoint.CHAT: "chatcmpl", Endpoint.COMPLETIONS: "cmpl"}


@dataclass(frozen=True)
class AnswerBodies:
    """The bodies of one answer, which have one id and one date."""

    question: EngineRequest
    id: str
    created: int  # seconds since 1970

    @classmethod
    def of(cls, question: EngineRequest, clock: Callable[[], float] = time) -> "AnswerBodies":
        return cls(question, f"{PREFIX[question.endpoint]}-{uuid4().hex}", int(clock()))

    def whole(self, piece: Piece) -> Body:
        content: Body = {"text": piece.text}
        if self.question.endpoint == Endpoint.CHAT:
            content = {"message": {"role": "assistant", "content": piece.text}}
        choices = [self.choice(content, piece)]
        return self.body(WHOLE, choices) | {"usage": self.usage(piece)}

    def beginning(self) -> Iterator[Body]:
        """What a stream begins with: in a chat, who speaks."""
        if self.question.endpoint == Endpoint.CHAT:
            content = {"delta": {"role": "assistant", "content": ""}}
            yield self.chunk([self.choice(content, None)])

    def chunks(self, piece: Piece) -> Iterator[Body]:
        """The text that is new, then why the answer ended, then its usage where that is asked."""
        chat = self.question.endpoint == Endpoint.CHAT
        if piece.text:
            content: Body = {"delta": {"content": piece.text}} if chat else {"text": piece.text}
            yield self.chunk([self.choice(content, None)])
        if piece.finish:
            yield self.chunk([self.choice({"delta": {}} if chat else {"text": ""}, piece)])
            if self.question.include_usage:
                yield self.chunk([]) | {"usage": self.usage(piece)}

    def choice(self, body: Body, last: Piece | None) -> Body:
        finish = last.finish if last else None
        return {"index": 0, **body, "logprobs": None, "finish_reason": finish}

    def chunk(self, choices: list[Body]) -> dict[str, Any]:
        usage = {"usage": None} if self.question.include_usage else {}
        return self.body(CHUNK, choices) | usage

    def body(self, kinds: dict[Endpoint, str], choices: list[Body]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kinds[self.question.endpoint],
            "created": self.created,
            "model": self.question.model,
            "choices": choices,
        }

    def usage(self, piece: Piece) -> Body:
        prompt = len(self.question.prompt)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": piece.tokens,
            "total_tokens": prompt + piece.tokens,
        }
