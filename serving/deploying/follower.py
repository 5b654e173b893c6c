"""The follower: brings what the registry wants to every replica, then moves the traffic.

Nothing below the gateway calls it. It looks at the registry and at the replicas every few seconds,
and does what is missing; so that a restart of anything, at any moment, is made good by the next
look.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from evaluation.evaluation_settings import Decoding
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion, Contestant
from registry.deployment_history import WantedVersions, wanted
from registry.store import Registry
from serving.deploying.failures import Failures, Retries
from serving.deploying.golden_prompts import Subject, dev_answers
from serving.deploying.pools import Pools, ReplicaWatch
from serving.deploying.replica_loading import ReplicaLoader
from serving.deploying.route_table import RouteTable, ServingState
from serving.deploying.version_loading import Bringing, TrafficMoves, VersionLoader
from serving.exchange import Deployment, deployment_of
from serving.serving_settings import ServingParams

log = logging.getLogger(__name__)

# Seconds between two looks at registry and replicas: a look is a query and a request to each
# replica, and nobody waits longer for a promotion, or for a rollback.
PAUSE = 5.0
SHORTEST = 0.2  # seconds between two looks, however often requests ask for one


class Follower:
    """One gateway's. All of it runs in one event loop; what waits for a database or a disk runs in
    threads beside it.
    """

    def __init__(
        self,
        registry: Registry,
        pools: Pools,
        table: RouteTable,
        params: ServingParams,
        decoding: Decoding,
        *,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = log.info,
        prepare: Callable[[Contestant], None] = lambda _: None,
    ) -> None:
        self.registry = registry
        self.pools = pools
        self.table = table
        self.pause = PAUSE
        self.decoding = decoding
        self.tell = tell
        self.watch = ReplicaWatch(registry.family, table)
        self.failures = Failures(registry, Retries(self.pause, clock))
        replicas = ReplicaLoader(
            family=registry.family,
            table=table,
            decoding=decoding,
            patience=params.timeout_seconds,
            subject_of=self.subject_of,
            engine=params.backend,
        )
        self.loader = VersionLoader(
            registry,
            pools,
            table,
            self.watch,
            self.failures,
            replicas,
            tell,
            prepare,
            attested=params.require_attestation,
        )
        self.moves = TrafficMoves(registry, table, self.loader, tell)
        self.wanted: WantedVersions | None = None  # as the registry said last
        self.away = False  # whether it did not answer at the last look
        self.woken = asyncio.Event()

    async def run(self) -> None:
        """Follow until it is cancelled, whatever goes wrong in one look."""
        try:
            await asyncio.gather(self.look_again(), self.go_back_again())
        finally:
            await self.loader.close()

    async def look_again(self) -> None:
        while True:
            self.woken.clear()
            try:
                await self.once()
            # A gateway whose follower has died would serve on, and never deploy again.
            except Exception as error:
                log.error("the registry could not be followed: %s", error, exc_info=error)
            await asyncio.sleep(min(SHORTEST, self.pause))
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pause):
                    await self.woken.wait()

    async def go_back_again(self) -> None:
        """Beside the looks: a replica may hang in one for minutes, and a rollback must not wait."""
        while True:
            await asyncio.sleep(self.pause)
            try:
                await self.go_back()
            except Exception as error:
                log.error("the registry could not be followed: %s", error, exc_info=error)

    async def go_back(self) -> None:
        """Let the traffic go to the version before, where that is champion again, and a replica
        holds it still; on the others it is repaired afterwards.
        """
        before = self.wanted.previous if self.wanted else None
        if before is None or await asyncio.to_thread(self.registry.champion) != before:
            return
        deployment = deployment_of(before)
        if self.table.champion != deployment and self.table.replica(deployment) is not None:
            await self.moves.move(before, deployment)

    def wake(self) -> None:
        """Look at once: a request found that a replica lost something."""
        self.woken.set()

    async def once(self) -> None:
        """Look at the registry and at the replicas, and do what is missing. While the registry is
        away, replicas are repaired as it said last.

        Raises IncumbentError where it was never read, or a deployment cannot be recorded.
        """
        targets = await self.look_up()
        if targets.champion is None and self.table.champion is not None:
            self.tell(f"{self.table.champion.name} was withdrawn: nothing answers any more")
            self.table.withdraw()
        await self.watch.look(self.pools.all(), self.lasting(targets))
        for version in targets.versions:
            if await self.loader.bring(self.bringing(version, targets)):
                await self.route(version, targets)
        self.forget(targets)
        bases = {version.adapter.base.weights for version in targets.versions}
        if self.table.champion:
            bases.add(self.table.champion.contestant.base.weights)
        busy = [replica for replica, running in self.table.running.items() if running]
        for replica in await self.pools.close_others(bases, busy):
            self.table.lost(replica)

    async def look_up(self) -> WantedVersions:
        try:
            self.wanted = await asyncio.to_thread(wanted, self.registry)
            self.away = False
        except IncumbentError as error:
            if self.wanted is None:
                raise
            self.away = True
            log.error("what the registry said last holds on: %s", error)
        return self.wanted

    def kept(self, wanted: WantedVersions) -> set[str]:
        """The names that must stay loaded."""
        names = {deployment_of(version).name for version in wanted.versions}
        return names | ({self.table.champion.name} if self.table.champion else set())

    def lasting(self, wanted: WantedVersions) -> set[str]:
        """The names that must stay when the next version comes: the previous one need not then."""
        versions = (wanted.champion, wanted.deployed, *wanted.experiments)
        return {deployment_of(version).name for version in versions if version is not None}

    def bringing(self, version: AdapterVersion, wanted: WantedVersions) -> Bringing:
        return Bringing(
            version,
            news=wanted.news[version.number],
            kept=self.kept(wanted),
            lasting=self.lasting(wanted),
            in_use=version == wanted.deployed or version in wanted.experiments,
            away=self.away,
        )

    async def route(self, version: AdapterVersion, wanted: WantedVersions) -> None:
        """Let the traffic go to a version that its replicas hold, if it is for it to have."""
        deployment, now = deployment_of(version), self.table.champion
        if wanted.champion is not None and version.number == wanted.champion.number:
            if now != deployment or wanted.deployed != wanted.champion:
                await self.moves.move(version, deployment)
        elif now is None and version == wanted.deployed:
            # A gateway that starts: the traffic stays where it was until the champion is checked.
            self.table.move(deployment)
            self.tell(f"the traffic goes to {deployment.name} until the champion is checked")

    def subject_of(self, deployment: Deployment) -> Subject:
        # Answers that were drawn at a temperature are not those that greedy decoding gives.
        if deployment.version is None or self.decoding.temperature:
            return Subject(deployment, None)
        template = deployment.contestant.evidence_template
        judged = dev_answers(self.registry.family, deployment.version, template)
        return Subject(deployment, judged)

    def forget(self, wanted: WantedVersions) -> None:
        """Drop what is about versions that nobody wants any more."""
        kept = self.kept(wanted)
        self.table.keep(kept)
        self.loader.keep(kept)
        self.failures.keep([version.number for version in wanted.versions])

    def state(self) -> ServingState:
        targets, now = self.wanted, self.table.champion
        return ServingState(
            family=self.registry.family,
            champion=targets.champion.number if targets and targets.champion else None,
            deployed=now,
            adapter=now.adapter if now else None,
            previous=self.table.previous,
            experiments=tuple(v.number for v in targets.experiments) if targets else (),
            replicas=self.watch.states(self.pools.all()),
            problems=self.failures.shown(),
        )
