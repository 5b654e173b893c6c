"""A version onto every replica of its pool; what fails on one does not hinder the others."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.generation.backends.backend import Backend, BackendError
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion, Contestant
from project.records.events import Deployed
from registry.attestation import require_attestation
from registry.decision_checks import release
from registry.deployment_history import record_deployment
from registry.store import Registry
from serving.deploying.failures import Failures, fatal_mark, forget_deaths, load_mark
from serving.deploying.golden_prompts import Passed
from serving.deploying.pools import NoPoolError, Pools, ReplicaPool, ReplicaWatch, check_out
from serving.deploying.replica_loading import (
    ReplicaLoader,
    ReplicaSlots,
    SlotBusyError,
    StepError,
    UnreachableError,
)
from serving.deploying.route_table import RouteTable
from serving.exchange import Deployment, deployment_of

GRACE = 10.0  # seconds that a look waits for a replica to load; then that goes on beside it


@dataclass(frozen=True)
class Bringing:
    """A version that is to be held, and what must stay loaded beside it."""

    version: AdapterVersion
    news: int  # the newest event about it
    kept: Collection[str]
    lasting: Collection[str]  # the same, when the next version comes
    in_use: bool  # requests may go to it already, other gateways' too
    away: bool = False  # the registry does not answer just now

    @property
    def number(self) -> int:
        return self.version.number


@dataclass
class VersionLoader:
    registry: Registry
    pools: Pools
    table: RouteTable
    watch: ReplicaWatch
    failures: Failures
    replicas: ReplicaLoader
    tell: Callable[[str], None]
    prepare: Callable[[Contestant], None]  # makes ready what answers beside the replicas
    attested: bool  # whether a version without an attestation that holds is refused
    # How golden prompts were passed, by replica and deployment.
    passed: dict[tuple[str, str], Passed] = field(default_factory=dict)
    # What loads just now, by replica: one version at a time.
    loading: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    verified: set[int] = field(default_factory=set)  # versions, since this process runs

    async def bring(self, what: Bringing) -> bool:
        """Whether every replica of its pool that answers holds it now, and one at least."""
        if mark := self.fatal(what):
            await self.failures.report(what.version, what.news, "load", None, not_again(mark))
            return False
        try:
            with self.marked(what):
                pool = await self.pools.fitting(what.version.adapter.base)
        # An embedded base may be absent from this machine.
        except (NoPoolError, IncumbentError) as error:
            await self.failures.report(what.version, what.news, "load", None, str(error))
            return False
        await self.watch.look_at_new(pool, what.lasting)
        await self.load_missing(what, pool)
        able = self.watch.answering(pool)
        if not able:
            addresses = ", ".join(replica.replica for replica in pool.replicas)
            problem = f"no replica of its pool answers: {addresses}"
            await self.failures.report(what.version, what.news, "load", None, problem)
        deployment = deployment_of(what.version)
        holding = [self.table.holds(deployment, replica.replica) for replica in able]
        if any(holding):
            self.failures.passed(what.number, None)
        return bool(able) and all(holding)

    def fatal(self, what: Bringing) -> Path | None:
        """The mark of a process that died of loading it, unless this one holds it already."""
        if not self.pools.in_process or self.table.deployed(what.number):
            return None
        return fatal_mark(deployment_of(what.version).name, what.news)

    def marked(self, what: Bringing) -> AbstractContextManager[None]:
        """While the block may end this process."""
        if not self.pools.in_process or self.table.deployed(what.number):
            return nullcontext()
        return load_mark(deployment_of(what.version).name, what.news)

    async def load_missing(self, what: Bringing, pool: ReplicaPool) -> None:
        missing = list(self.due(what, self.watch.answering(pool)))
        if not missing or not self.failures.retries.due((what.number, None), what.news):
            return
        try:
            folder = await asyncio.to_thread(self.released, what)
        except (IncumbentError, OSError) as error:  # such as a full disk
            await self.failures.failed(what.version, what.news, "verify", None, str(error))
            return
        tasks = [asyncio.create_task(self.bring_alone(what, folder, pool, r)) for r in missing]
        self.loading |= {r.replica: task for r, task in zip(missing, tasks, strict=True)}
        done, _ = await asyncio.wait(tasks, timeout=GRACE)
        for task in done:
            task.result()

    def due(self, what: Bringing, able: Sequence[Backend]) -> list[Backend]:
        """The replicas that lack a version, and where it is time to try."""
        deployment = deployment_of(what.version)
        return [
            replica
            for replica in able
            if not self.table.holds(deployment, replica.replica)
            and replica.replica not in self.loading
            and self.failures.retries.due((what.number, replica.replica), what.news)
        ]

    def released(self, what: Bringing) -> Path:
        """Its files, after its signature, its row and every byte were checked. While the registry
        is away, what was checked before need only have the same bytes.
        """
        if not (what.away and what.number in self.verified):
            release(self.registry, what.number)
            if self.attested:
                place = check_out(self.registry.artifacts, what.version.adapter.files)
                require_attestation(self.registry, what.version, place)
            self.verified.add(what.number)
        self.prepare(what.version.adapter.contestant)
        return check_out(self.registry.artifacts, what.version.adapter.files)

    async def bring_alone(
        self, what: Bringing, folder: Path, pool: ReplicaPool, replica: Backend
    ) -> None:
        try:
            with self.marked(what):
                await self.bring_to(what, folder, pool, replica)
        finally:
            del self.loading[replica.replica]

    async def bring_to(
        self, what: Bringing, folder: Path, pool: ReplicaPool, replica: Backend
    ) -> None:
        deployment, place = deployment_of(what.version), replica.replica
        self.tell(f"{place}: loading {deployment.name}")
        try:
            passed = await self.replicas.bring(
                deployment, folder, ReplicaSlots(replica, pool.slots, what.kept), in_use=what.in_use
            )
        except UnreachableError as error:
            self.watch.miss(replica, str(error))
            self.tell(f"{place}: does not answer: {error}")
        except SlotBusyError:
            self.tell(f"{place}: waits until the answers of an older adapter end")
        except StepError as error:
            self.tell(f"{place}: {error.step}: {error.problem}")
            await self.failures.failed(what.version, what.news, error.step, place, error.problem)
        else:
            forget_deaths(deployment.name)
            self.passed[(place, deployment.name)] = passed
            self.failures.passed(what.number, place)
            self.tell(f"{place}: {deployment.name} {passed}")

    async def close(self) -> None:
        """Leave off what loads still."""
        tasks = list(self.loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def keep(self, names: Collection[str]) -> None:
        self.passed = {pair: passed for pair, passed in self.passed.items() if pair[1] in names}


def not_again(mark: Path) -> str:
    return (
        "two gateways here ended while they loaded this version, perhaps because of it: it is not "
        "loaded again until something new happens to it, such as a promotion. If you know another "
        f"reason (somebody ended one with SIGKILL), delete {mark}"
    )


# --- traffic moves --------------------------------------------------------------------------------

# The traffic moves to a version: the event first, then the route.

PATIENCE = 10.0  # seconds for an engine to say what it is


@dataclass(frozen=True)
class TrafficMoves:
    registry: Registry
    table: RouteTable
    loader: VersionLoader
    tell: Callable[[str], None]
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def move(self, version: AdapterVersion, deployment: Deployment) -> None:
        """Unless another version is champion by now. Raises IncumbentError where it cannot be
        recorded: then the traffic stays where it is.
        """
        detail = await self.detail(version, deployment)
        reason = f"{version.label} answers the champion's requests"
        async with self.one_at_a_time:  # so that the traffic goes where the newest event says
            if await asyncio.to_thread(
                record_deployment, self.registry, version.number, detail, reason
            ):
                self.table.move(deployment)
                self.tell(f"the traffic goes to {deployment.name}")

    async def detail(self, version: AdapterVersion, deployment: Deployment) -> Deployed:
        replicas = self.table.replicas_of(deployment)
        passed = [self.loader.passed[(r.replica, deployment.name)] for r in replicas]
        known = [p.agreement for p in passed if p.agreement is not None]
        return Deployed(
            adapter=version.adapter.files,
            name=deployment.name,
            engine=await engine_of(replicas),
            replicas=tuple(sorted(replica.replica for replica in replicas)),
            golden=min(p.prompts for p in passed),
            agreement=repr(min(known)) if len(known) == len(passed) else None,
            displaced=None,  # the registry says it, inside of its transaction
        )


async def engine_of(replicas: Sequence[Backend]) -> str:
    """The engine and its version, as the first replica tells them."""
    try:
        async with asyncio.timeout(PATIENCE):
            engine = await replicas[0].engine()
    except (BackendError, TimeoutError):
        return "unknown"
    return f"{engine.name} {engine.version}" if engine.version else engine.name
