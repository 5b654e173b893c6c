"""What answers: an engine with one base model, and adapters on it by name, whose API is OpenAI's.

Eval items and users' requests pass through the same protocol, so that a model is judged by the
engine that will serve it.
"""

from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from project.engine.engine_settings import Kept
from project.records.adapters import Engine
from project.records.record import Record

__all__ = [
    "BUSY",
    "KEPT",
    "UNREACHABLE",
    "Backend",
    "BackendError",
    "Body",
    "Endpoint",
    "Engine",
    "Names",
]

# A request's or an answer's JSON object, as OpenAI's API has it.
Body = Mapping[str, Any]
KEPT: Kept = ContextVar("KEPT", default=None)  # a server that a block came to start


class Endpoint(StrEnum):
    """What a backend is asked, by its path behind the server's base URL."""

    CHAT = "/chat/completions"
    COMPLETIONS = "/completions"


BUSY = 429  # it works, and takes nothing further just now
UNREACHABLE = 503


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

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        """A whole answer."""
        ...

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
