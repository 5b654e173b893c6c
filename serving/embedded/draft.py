"""An answer in the making: grown by the engine's thread, heard of by who asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from evaluation.generation.backends.backend import BackendError
from serving.embedded.answer_text import AnswerText
from serving.embedded.question import Question

Finish = Literal["stop", "length"]


@dataclass(frozen=True)
class Piece:
    """What is new of an answer."""

    text: str
    tokens: int  # of the whole answer until now, the end token included
    finish: Finish | None = None  # why it ended; None: more comes


@dataclass(eq=False)
class Draft:
    question: Question
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

    def add(self, token: int, *, end: bool) -> None:
        """Grow by a token, `end` where it is one that ends an answer."""
        self.text.tokens.append(token)
        full = len(self.text.tokens) == self.question.limit
        if end or full or self.streamed or self.text.stops:
            self.text.read()
        if end or full or self.text.stopped:
            self.finish = "stop" if end or self.text.stopped else "length"
        if self.finish or self.streamed:
            shown = self.text.show(whole=self.finish is not None)
            self.hear(Piece(shown, len(self.text.tokens), self.finish))
