"""Answers in the shape of OpenAI's API: whole ones, and the chunks of a stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import time
from typing import Any
from uuid import uuid4

from evaluation.generation.backends.backend import Body, Endpoint
from serving.embedded.draft import Piece
from serving.embedded.question import Question

WHOLE = {Endpoint.CHAT: "chat.completion", Endpoint.COMPLETIONS: "text_completion"}
CHUNK = {Endpoint.CHAT: "chat.completion.chunk", Endpoint.COMPLETIONS: "text_completion"}
PREFIX = {Endpoint.CHAT: "chatcmpl", Endpoint.COMPLETIONS: "cmpl"}


@dataclass(frozen=True)
class AnswerBodies:
    """The bodies of one answer, which have one id and one date."""

    question: Question
    id: str
    created: int  # seconds since 1970

    @classmethod
    def of(cls, question: Question, clock: Callable[[], float] = time) -> "AnswerBodies":
        return cls(question, f"{PREFIX[question.endpoint]}-{uuid4().hex}", int(clock()))

    def whole(self, piece: Piece) -> Body:
        said: Body = {"text": piece.text}
        if self.question.endpoint == Endpoint.CHAT:
            said = {"message": {"role": "assistant", "content": piece.text}}
        choices = [self.choice(said, piece)]
        return self.body(WHOLE, choices) | {"usage": self.usage(piece)}

    def beginning(self) -> Iterator[Body]:
        """What a stream begins with: in a chat, who speaks."""
        if self.question.endpoint == Endpoint.CHAT:
            said = {"delta": {"role": "assistant", "content": ""}}
            yield self.chunk([self.choice(said, None)])

    def chunks(self, piece: Piece) -> Iterator[Body]:
        """The text that is new, then why the answer ended, then its usage where that is asked."""
        chat = self.question.endpoint == Endpoint.CHAT
        if piece.text:
            said: Body = {"delta": {"content": piece.text}} if chat else {"text": piece.text}
            yield self.chunk([self.choice(said, None)])
        if piece.finish:
            yield self.chunk([self.choice({"delta": {}} if chat else {"text": ""}, piece)])
            if self.question.include_usage:
                yield self.chunk([]) | {"usage": self.usage(piece)}

    def choice(self, said: Body, last: Piece | None) -> Body:
        finish = last.finish if last else None
        return {"index": 0, **said, "logprobs": None, "finish_reason": finish}

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
