"""A replica that answers from a table, and holds adapters by name."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.generation.backends.backend import (
    UNREACHABLE,
    BackendError,
    Body,
    Endpoint,
    Engine,
    Names,
)


class FakeBackend:
    def __init__(self, replica: str = "fake", *, away: bool = False) -> None:
        self.replica = replica
        self.away = away
        self.adapters: dict[str, Path | None] = {}
        self.asked: list[Body] = []
        self.told: list[str] = []

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        self.asked.append(body)
        if body["model"] not in self.adapters:
            raise BackendError(404, f"{body['model']} is not loaded")
        return chat(f" {body['messages'][-1]['content']}! ")

    def stream(self, endpoint: Endpoint, body: Body) -> AsyncIterator[Body]:
        raise BackendError(501, "this one does not stream")

    async def names(self) -> Names:
        if self.away:
            raise BackendError(UNREACHABLE, f"{self.replica} cannot be reached")
        return Names(base="base", adapters=frozenset(self.adapters))

    async def load(self, name: str, adapter: Path) -> None:
        self.told.append(f"load {name}")
        self.adapters[name] = adapter

    async def unload(self, name: str) -> None:
        self.told.append(f"unload {name}")
        del self.adapters[name]

    async def engine(self) -> Engine:
        return Engine(name="vllm", version="0.32.0", model="base")

    async def close(self) -> None:
        pass


def chat(text: str) -> Mapping[str, Any]:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return {"choices": [{"message": {"content": text}}], "usage": usage}
