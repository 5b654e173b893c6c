"""Replicas by the base model that they hold: a version goes to the pool of its base."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from evaluation.generation.backends.backend import Backend, BackendError
from evaluation.generation.backends.openai_server import key_in
from evaluation.generation.backends.sglang import SGLangReplica
from evaluation.generation.backends.vllm import VllmReplica
from project.files import home
from project.records.adapters import ModelPin
from project.records.record import Digest, short
from serving.serving_settings import PoolParams, ServingParams

SHORTEST = 12  # digits by which a digest may be named


class NoPoolError(Exception):
    """No replicas hold a base, or they cannot be had; says what to do."""


@dataclass(frozen=True)
class Pool:
    slots: int
    replicas: tuple[Backend, ...]


class Pools(Protocol):
    in_process: bool  # whether a load that goes wrong may end the gateway

    async def fitting(self, base: ModelPin) -> Pool:
        """The replicas that hold a base. Raises NoPoolError."""
        ...

    def all(self) -> Sequence[Pool]: ...

    async def close_others(self, bases: Collection[Digest], busy: Collection[str]) -> list[str]:
        """Let go what holds none of these bases' weights, and answers nothing; returns which
        replicas these were.
        """
        ...

    async def close(self) -> None: ...


class HttpPools:
    """Servers, as the settings name them. They run on their own, whether they are needed or not."""

    in_process = False

    def __init__(self, params: ServingParams, make: Callable[[str, PoolParams], Backend]) -> None:
        self.params = params
        self.pools = {
            params: Pool(params.slots, tuple(make(url, params) for url in params.replicas))
            for params in params.pools
        }

    async def fitting(self, base: ModelPin) -> Pool:
        for params, pool in self.pools.items():
            if fits(params.base, base):
                return pool
        known = ", ".join(params.base for params in self.pools)
        raise NoPoolError(
            f"no pool holds its base, {base}: serving.pools has {known}. Add one with base: "
            f"{base.model} or {short(base.weights)}"
        )

    def all(self) -> Sequence[Pool]:
        return list(self.pools.values())

    async def close_others(self, bases: Collection[Digest], busy: Collection[str]) -> list[str]:
        return []

    async def close(self) -> None:
        for pool in self.pools.values():
            for replica in pool.replicas:
                await replica.close()


def fits(named: str, base: ModelPin) -> bool:
    """Whether a pool's base, as the settings name it, is the one that a version stands on."""
    by_digest = len(named) >= SHORTEST and base.weights.startswith(named)
    return by_digest or named in (base.model, base.name)


class EmbeddedPools:
    """One engine in this process for each base, made when a version first needs it."""

    in_process = True

    def __init__(self, params: ServingParams, make: Callable[[ModelPin], Backend]) -> None:
        self.params = params
        self.make = make
        self.pools: dict[Digest, Pool] = {}

    async def fitting(self, base: ModelPin) -> Pool:
        await self.drop_dead(base.weights)
        if base.weights not in self.pools:
            # To read a base's weights takes seconds, in which others are answered.
            backend = await asyncio.to_thread(self.make, base)
            self.pools[base.weights] = Pool(self.params.slots, (backend,))
        return self.pools[base.weights]

    def all(self) -> Sequence[Pool]:
        return list(self.pools.values())

    async def close_others(self, bases: Collection[Digest], busy: Collection[str]) -> list[str]:
        closed = []
        for weights in [w for w in self.pools if w not in bases]:
            (backend,) = self.pools[weights].replicas
            if backend.replica not in busy:
                del self.pools[weights]
                await backend.close()
                closed.append(backend.replica)
        return closed

    async def drop_dead(self, weights: Digest) -> None:
        """An engine whose thread has died answers nothing any more: another one takes its place."""
        for backend in self.pools[weights].replicas if weights in self.pools else ():
            try:
                await backend.names()
            except BackendError:
                del self.pools[weights]
                await backend.close()

    async def close(self) -> None:
        await self.close_others((), ())


def pools_of(params: ServingParams) -> Pools:
    """The replicas that the settings name. Raises InputError for a key that is not there."""
    if params.backend == "embedded":
        return EmbeddedPools(params, lambda pin: embedded(pin, params))
    key = key_in(params.key_variable, "serving.key_variable")
    kind = VllmReplica if params.backend == "vllm" else SGLangReplica

    def make(url: str, pool: PoolParams) -> Backend:
        seen = (home() / "adapters", pool.adapters) if pool.adapters else None
        return kind(url, key=key, timeout=params.timeout_seconds, adapters=seen)

    return HttpPools(params, make)


def embedded(pin: ModelPin, params: ServingParams) -> Backend:
    # Imported here so that a gateway in front of servers does not wait for torch.
    from serving.embedded.embedded_backend import EmbeddedBackend

    return EmbeddedBackend.of(pin, params)
