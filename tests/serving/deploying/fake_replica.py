"""A server that answers by what an adapter's file says, with the faults that engines have."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evaluation.generation.backends.backend import (
    UNREACHABLE,
    BackendError,
    Body,
    Endpoint,
    Engine,
    Names,
)

BASE = "a-base"
Call = Literal["names", "load", "unload", "answer"]


def words_of(weights: str, prompt: str) -> str:
    """What weights answer: each word hangs on all of them."""
    return " ".join(f"{weights}{number}{len(prompt)}" for number in range(10))


def half_right(answer: str) -> str:
    """As at a wrong scale: it begins alike, and goes another way soon."""
    return " ".join(word if i < 3 else f"other{i}" for i, word in enumerate(answer.split()))


@dataclass
class FakeReplica:
    """Adapters are named by their file's text. Faults can be put in and taken out at any moment."""

    replica: str = "http://one"
    others: frozenset[str] = frozenset()  # adapters of other families
    loaded: dict[str, str] = field(default_factory=dict)  # by name, what answers
    down: bool = False
    # What happens before a call is done: it may raise BackendError, or wait.
    before: Callable[[Call, "FakeReplica"], None] = lambda call, replica: None
    latency: float = 0.0  # seconds of an answer
    swaps: dict[str, str] = field(default_factory=dict)  # weights that another file's pass for
    spoils: Callable[[str], str] = lambda answer: answer  # of answers with an adapter
    calls: Counter[str] = field(default_factory=Counter)
    most: int = 0  # adapters that were loaded at a time
    closed: bool = False

    def call(self, name: Call) -> None:
        self.calls[name] += 1
        self.before(name, self)
        if self.down:
            raise BackendError(UNREACHABLE, "connection refused")

    def restart(self) -> None:
        """Killed and started again: its adapters are gone."""
        self.loaded.clear()
        self.down = False

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        self.call("answer")
        model, prompt = body["model"], body["messages"][-1]["content"]
        text = self.text(model, prompt)
        await asyncio.sleep(self.latency)
        return {"model": model, "choices": [{"message": {"content": text}}]}

    def text(self, model: str, prompt: str) -> str:
        if model == BASE:
            return words_of("base", prompt)
        if model not in self.loaded:
            raise BackendError(404, f"no model {model}")
        return self.spoils(words_of(self.loaded[model], prompt))

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncIterator[Body]:
        yield await self.answer(endpoint, body)

    async def names(self) -> Names:
        self.call("names")
        return Names(base=BASE, adapters=frozenset(self.loaded) | self.others)

    async def load(self, name: str, adapter: Path) -> None:
        self.call("load")
        weights = (adapter / "adapter_model.safetensors").read_text()
        self.loaded.setdefault(name, self.swaps.get(weights, weights))
        self.most = max(self.most, len(self.loaded) + len(self.others))
        await asyncio.sleep(0)
        if self.down:  # killed meanwhile
            raise BackendError(UNREACHABLE, "connection reset")

    async def unload(self, name: str) -> None:
        self.call("unload")
        self.loaded.pop(name, None)

    async def engine(self) -> Engine:
        return Engine(name="fake", version="1.0", model=BASE)

    async def close(self) -> None:
        self.closed = True
