"""Replicas by the base model that they hold: a version goes to the pool of its base."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from evaluation.generation.backends.adapter_servers import SGLangReplica, VllmReplica
from evaluation.generation.backends.backend import Backend, BackendError, Names
from evaluation.generation.backends.openai_server import OpenAIServer, key_in
from evaluation.generation.backends.own_llama import LlamaReplica
from project.files import home
from project.records.adapters import ModelPin
from project.records.record import Digest, short
from project.untrusted_input import shortened
from registry.storage.artifact_store import Artifacts
from serving.deploying.bare_versions import BareVersions
from serving.deploying.route_table import ReplicaState, RouteTable
from serving.exchange import version_in
from serving.serving_settings import PoolParams, ServingParams

SHORTEST = 12  # digits by which a digest may be named


class NoPoolError(Exception):
    """No replicas hold a base, or they cannot be had; says what to do."""


@dataclass(frozen=True)
class ReplicaPool:
    slots: int
    replicas: tuple[Backend, ...]


class Pools(Protocol):
    in_process: bool  # whether a load that goes wrong may end the gateway

    async def fitting(self, base: ModelPin) -> ReplicaPool:
        """The replicas that hold a base. Raises NoPoolError."""
        ...

    def all(self) -> Sequence[ReplicaPool]: ...

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
            params: ReplicaPool(
                params.slots, tuple(BareVersions(make(url, params)) for url in params.replicas)
            )
            for params in params.pools
        }
        self.hosted = EmbeddedPools(params, partial(hosted_server, params), in_process=False)

    async def fitting(self, base: ModelPin) -> ReplicaPool:
        if base.hosted:
            return await self.hosted.fitting(base)
        for params, pool in self.pools.items():
            if fits(params.base, base):
                return pool
        known = ", ".join(params.base for params in self.pools)
        raise NoPoolError(
            f"no pool holds its base, {base}: serving.pools has {known}. Add one with base: "
            f"{base.model} or {short(base.weights)}"
        )

    def all(self) -> Sequence[ReplicaPool]:
        return [*self.pools.values(), *self.hosted.all()]

    async def close_others(self, bases: Collection[Digest], busy: Collection[str]) -> list[str]:
        return await self.hosted.close_others(bases, busy)

    async def close(self) -> None:
        for pool in self.all():
            for replica in pool.replicas:
                await replica.close()


def fits(named: str, base: ModelPin) -> bool:
    """Whether a pool's base, as the settings name it, is the one that a version stands on."""
    by_digest = len(named) >= SHORTEST and base.weights.startswith(named)
    return by_digest or named in (base.model, base.name)


class EmbeddedPools:
    """One engine for each base, made when a version first needs it: in this process, or in others
    that it starts. Of a hosted model it is the server's client.
    """

    def __init__(
        self, params: ServingParams, make: Callable[[ModelPin], Backend], in_process: bool = True
    ) -> None:
        self.params, self.in_process = params, in_process
        self.make = make
        self.pools: dict[Digest, ReplicaPool] = {}

    async def fitting(self, base: ModelPin) -> ReplicaPool:
        if not base.hosted:  # one that is away for a while keeps its connections and its names
            await self.drop_dead(base.weights)
        if base.weights not in self.pools:
            # To read a base's weights takes seconds, in which others are answered.
            make = partial(hosted_server, self.params) if base.hosted else self.make
            backend = BareVersions(await asyncio.to_thread(make, base), base.hosted)
            self.pools[base.weights] = ReplicaPool(self.params.slots, (backend,))
        return self.pools[base.weights]

    def all(self) -> Sequence[ReplicaPool]:
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
    if params.backend == "llama.cpp":
        return EmbeddedPools(params, lambda pin: LlamaReplica(pin, pin.name), in_process=False)
    key = key_in(params.key_variable, "serving.key_variable")
    kind = VllmReplica if params.backend == "vllm" else SGLangReplica

    def make(url: str, pool: PoolParams) -> Backend:
        seen = (home() / "adapters", pool.adapters) if pool.adapters else None
        return kind(url, key=key, timeout=params.timeout_seconds, adapters=seen)

    return HttpPools(params, make)


def hosted_server(params: ServingParams, pin: ModelPin) -> Backend:
    """Raises InputError where its key is not set."""
    assert pin.hosted is not None
    key = key_in(pin.hosted.key_variable, f"the key of {pin.hosted.model}")
    return OpenAIServer(pin.hosted.url, key=key, timeout=params.timeout_seconds, by_proxy=True)


def embedded(pin: ModelPin, params: ServingParams) -> Backend:
    # Imported here so that a gateway in front of servers does not wait for torch.
    from serving.embedded.embedded_backend import EmbeddedBackend

    return EmbeddedBackend.of(pin, params)


# --- slots ----------------------------------------------------------------------------------------

# Places for adapters on a replica, which are few: which one goes to make room for the next.

SHOWN = 300  # characters of a list of names


@dataclass(frozen=True)
class Slots:
    """What a replica holds, and who may not go.

    Adapters that are none of this family's are others' on a shared server: they stay, and count.
    """

    family: str
    places: int
    loaded: frozenset[str]
    kept: frozenset[str]  # champion, previous, and in experiments
    busy: frozenset[str] = frozenset()  # that answer just now

    @property
    def fixed(self) -> Collection[str]:
        return [n for n in self.loaded if n in self.kept or version_in(n, self.family) is None]

    @property
    def full(self) -> bool:
        return len(self.loaded) >= self.places

    def free_one(self) -> str | None:
        """The oldest version that may go now; None where none may."""
        able = self.loaded - set(self.fixed) - self.busy
        return min(able, key=lambda name: version_in(name, self.family) or 0, default=None)

    @property
    def waits(self) -> bool:
        """Whether a place gets free as soon as running answers end."""
        return bool(self.loaded - set(self.fixed))

    def alarm(self) -> str | None:
        """What people hear when no further version would find a place."""
        if len(self.fixed) < self.places:
            return None
        names = shortened(", ".join(sorted(self.fixed)), SHOWN)  # a server may say anything
        return (
            f"{len(self.fixed)} of {self.places} adapter slots hold what must stay "
            f"({names}): a further version finds no place. Raise the "
            "pool's slots and the engine's own limit (--max-loras of vLLM), or end an experiment"
        )


# --- replica watch --------------------------------------------------------------------------------

# What each replica was found to hold at the last look, and whether it answered at all.

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for the list of a replica's names
# Looks in a row at which a replica does not answer before its traffic goes elsewhere: it may be
# busy, and requests that fail there tell it sooner.
MISSES = 2


@dataclass
class ReplicaCheck:
    names: Names | None = None  # None: it did not answer
    misses: int = 0
    alarm: str | None = None


class ReplicaWatch:
    """One follower's memory of its replicas."""

    def __init__(self, family: str, table: RouteTable) -> None:
        self.family = family
        self.table = table
        self.looks: dict[str, ReplicaCheck] = {}

    async def look(self, pools: Sequence[ReplicaPool], lasting: Collection[str]) -> None:
        """Ask every replica what it holds; what it has lost gets no request any more."""
        await asyncio.gather(
            *(self.look_at(r, pool.slots, lasting) for pool in pools for r in pool.replicas)
        )

    async def look_at_new(self, pool: ReplicaPool, lasting: Collection[str]) -> None:
        new = [r for r in pool.replicas if r.replica not in self.looks]
        await asyncio.gather(*(self.look_at(r, pool.slots, lasting) for r in new))

    async def look_at(self, replica: Backend, places: int, lasting: Collection[str]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                names = await replica.names()
        except (BackendError, TimeoutError) as error:
            self.miss(replica, shortened(error) or f"no answer in {PATIENCE:.0f} s")
            return
        look = self.looks.setdefault(replica.replica, ReplicaCheck())
        if look.misses:
            log.info("%s answers again", replica.replica)
        look.names, look.misses = names, 0
        for deployment in self.table.held_by(replica.replica):
            if deployment.name not in names.adapters:
                log.warning("%s lost %s", replica.replica, deployment.name)
                self.table.lost(replica.replica, deployment.name)
        self.warn(
            replica.replica, look, Slots(self.family, places, names.adapters, frozenset(lasting))
        )

    def miss(self, replica: Backend, problem: str) -> None:
        look = self.looks.setdefault(replica.replica, ReplicaCheck())
        if not look.misses:
            log.warning("%s does not answer: %s", replica.replica, problem)
        look.names = None
        look.misses += 1
        if look.misses >= MISSES:
            self.table.lost(replica.replica)

    def warn(self, replica: str, look: ReplicaCheck, slots: Slots) -> None:
        alarm = slots.alarm()
        if alarm and alarm != look.alarm:
            log.warning("%s: %s", replica, alarm)
        look.alarm = alarm

    def answering(self, pool: ReplicaPool) -> list[Backend]:
        """The replicas that answered at the last look."""
        return [r for r in pool.replicas if self.looks[r.replica].names is not None]

    def states(self, pools: Sequence[ReplicaPool]) -> tuple[ReplicaState, ...]:
        return tuple(self.state_of(r, pool.slots) for pool in pools for r in pool.replicas)

    def state_of(self, replica: Backend, places: int) -> ReplicaState:
        look = self.looks.get(replica.replica, ReplicaCheck())
        return ReplicaState(
            replica=replica.replica,
            base=look.names.base if look.names else None,
            checked=tuple(sorted(d.name for d in self.table.held_by(replica.replica))),
            loaded=tuple(sorted(look.names.adapters)) if look.names else (),
            slots=places,
            running=self.table.running[replica.replica],
            alarm=look.alarm,
        )


# --- adapter folders ------------------------------------------------------------------------------

# Adapters as folders on this machine, from which replicas load them.


def check_out(artifacts: Artifacts, files: Digest) -> Path:
    """An adapter's folder, every byte of which is as its digest says. Raises IncumbentError, and
    OSError where it cannot be written.
    """
    # An engine may run in another folder than this process.
    return artifacts.check_out(files, home() / "adapters" / files).resolve()
