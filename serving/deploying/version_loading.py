"""A version onto every replica of its pool; what fails on one does not hinder the others."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.generation.backends.backend import Backend
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from registry.release import release
from registry.store import Registry
from serving.deploying.adapter_folders import check_out
from serving.deploying.failures import Failures
from serving.deploying.golden_prompts import Passed
from serving.deploying.pools import NoPoolError, Pool, Pools
from serving.deploying.replica_loading import (
    Place,
    ReplicaLoader,
    SlotBusyError,
    StepError,
    UnreachableError,
)
from serving.deploying.replica_watch import ReplicaWatch
from serving.deploying.route_table import RouteTable
from serving.deployment import deployment_of


@dataclass(frozen=True)
class Bringing:
    """A version that is to be held, and what must stay loaded beside it."""

    version: AdapterVersion
    news: int  # the newest event about it
    kept: Collection[str]
    lasting: Collection[str]  # the same, when the next version comes
    in_use: bool  # requests may go to it already, other gateways' too

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
    # How golden prompts were passed, by replica and deployment.
    passed: dict[tuple[str, str], Passed] = field(default_factory=dict)

    async def bring(self, what: Bringing) -> bool:
        """Whether every replica of its pool that answers holds it now, and one at least."""
        try:
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

    async def load_missing(self, what: Bringing, pool: Pool) -> None:
        missing = list(self.due(what, self.watch.answering(pool)))
        if not missing or not self.failures.retries.due((what.number, None), what.news):
            return
        try:
            folder = await asyncio.to_thread(self.released, what.number)
        except IncumbentError as error:
            await self.failures.failed(what.version, what.news, "verify", None, str(error))
            return
        await asyncio.gather(*(self.bring_to(what, folder, pool, r) for r in missing))

    def due(self, what: Bringing, able: Sequence[Backend]) -> list[Backend]:
        """The replicas that lack a version, and where it is time to try."""
        deployment = deployment_of(what.version)
        return [
            replica
            for replica in able
            if not self.table.holds(deployment, replica.replica)
            and self.failures.retries.due((what.number, replica.replica), what.news)
        ]

    def released(self, number: int) -> Path:
        """Its files, after its signature, its row and every byte were checked."""
        version = release(self.registry, number)
        return check_out(self.registry.artifacts, version.adapter.files)

    async def bring_to(self, what: Bringing, folder: Path, pool: Pool, replica: Backend) -> None:
        deployment, place = deployment_of(what.version), replica.replica
        self.tell(f"{place}: loading {deployment.name}")
        try:
            passed = await self.replicas.bring(
                deployment, folder, Place(replica, pool.slots, what.kept), in_use=what.in_use
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
            self.passed[(place, deployment.name)] = passed
            self.failures.passed(what.number, place)
            self.tell(f"{place}: {deployment.name} {passed}")

    def keep(self, names: Collection[str]) -> None:
        self.passed = {pair: found for pair, found in self.passed.items() if pair[1] in names}
