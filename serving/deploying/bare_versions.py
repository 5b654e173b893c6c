"""Versions without an adapter on a replica: other names of the base, or of a hosted model."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from evaluation.generation.backends.backend import (
    NEWER_LIMIT,
    UNREACHABLE,
    Backend,
    BackendError,
    Body,
    Endpoint,
    Engine,
    Names,
)
from project.records.adapters import SHEET, HostedModel
from project.untrusted_input import shortened

LIED = 502


class BareVersions:
    """A replica that holds such versions beside adapters. `hosted`: it is a hosted model's server,
    which holds nothing else.
    """

    def __init__(self, inner: Backend, hosted: HostedModel | None = None) -> None:
        self.inner = inner
        self.hosted = hosted
        self.replica = f"{inner.replica}#{hosted.model}" if hosted else inner.replica
        self.held: frozenset[str] = frozenset()
        self.base = ""  # its name, as the replica said last
        self.newer_limit = False  # whether the model refused max_tokens under its older name

    async def names(self) -> Names:
        if self.hosted is None:
            names = await self.inner.names()
            self.base = names.base
            return names.model_copy(update={"adapters": names.adapters | self.held})
        try:
            await self.inner.names()
        except BackendError as error:
            if error.status == UNREACHABLE:
                raise
        # Else it answers, though it lists no models.
        return Names(base=self.hosted.model, adapters=self.held)

    async def load(self, name: str, adapter: Path) -> None:
        if (adapter / SHEET).is_file():
            self.held |= {name}
        else:
            await self.inner.load(name, adapter)

    async def unload(self, name: str) -> None:
        if name in self.held:
            self.held -= {name}
        else:
            await self.inner.unload(name)

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        newer = self.newer_limit
        try:
            return self.renamed(body, await self.inner.answer(endpoint, self.as_known(body)))
        except BackendError as error:
            if newer or "max_tokens" not in body or NEWER_LIMIT not in str(error):
                raise
        self.newer_limit = True
        return await self.answer(endpoint, body)

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncGenerator[Body]:
        chunks: AsyncIterator[Body] = self.inner.stream(endpoint, self.as_known(body))
        if not isinstance(chunks, AsyncGenerator):
            raise TypeError("a backend's stream is a generator")
        async with aclosing(chunks):
            async for chunk in chunks:
                yield self.renamed(body, chunk)

    async def engine(self) -> Engine:
        return await self.inner.engine()

    async def close(self) -> None:
        await self.inner.close()

    # --- one request ----------------------------------------------------------------------------

    def as_known(self, body: Body) -> Body:
        """The request as the replica knows its model, and names its fields."""
        if self.newer_limit and "max_tokens" in body:
            body = {NEWER_LIMIT if key == "max_tokens" else key: body[key] for key in body}
        if self.hosted:
            return {**body, "model": self.hosted.model}
        return {**body, "model": self.base} if body.get("model") in self.held else body

    def renamed(self, body: Body, answer: Body) -> Body:
        """An answer under the name that was asked for. Raises BackendError where a hosted model's
        server says that another model answered: that one was not judged.
        """
        model = answer.get("model")
        if self.hosted and isinstance(model, str) and model and not self.hosted.is_named(model):
            raise BackendError(LIED, f"{self.replica} answered with {shortened(model)}")
        if self.hosted or body.get("model") in self.held:
            return {**answer, "model": body.get("model")}
        return answer
