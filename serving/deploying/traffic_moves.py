"""The traffic moves to a version: the event first, then the route."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evaluation.generation.backends.backend import Backend, BackendError
from project.records.adapters import AdapterVersion
from project.records.events import Deployed
from registry.deployments import record_deployment
from registry.store import Registry
from serving.deploying.route_table import RouteTable
from serving.deploying.version_loading import VersionLoader
from serving.deployment import Deployment

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
