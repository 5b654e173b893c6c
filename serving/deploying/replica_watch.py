"""What each replica was found to hold at the last look, and whether it answered at all."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from evaluation.generation.backends.backend import Backend, BackendError, Names
from project.untrusted_input import shortened
from serving.deploying.pools import Pool
from serving.deploying.route_table import RouteTable
from serving.deploying.slots import Slots
from serving.deploying.state import ReplicaState

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for the list of a replica's names
# Looks in a row at which a replica does not answer before its traffic goes elsewhere: it may be
# busy, and requests that fail there tell it sooner.
MISSES = 2


@dataclass
class Look:
    names: Names | None = None  # None: it did not answer
    misses: int = 0
    alarm: str | None = None


class ReplicaWatch:
    """One follower's memory of its replicas."""

    def __init__(self, family: str, table: RouteTable) -> None:
        self.family = family
        self.table = table
        self.looks: dict[str, Look] = {}

    async def look(self, pools: Sequence[Pool], lasting: Collection[str]) -> None:
        """Ask every replica what it holds; what it has lost gets no request any more."""
        await asyncio.gather(
            *(self.look_at(r, pool.slots, lasting) for pool in pools for r in pool.replicas)
        )

    async def look_at_new(self, pool: Pool, lasting: Collection[str]) -> None:
        new = [r for r in pool.replicas if r.replica not in self.looks]
        await asyncio.gather(*(self.look_at(r, pool.slots, lasting) for r in new))

    async def look_at(self, replica: Backend, places: int, lasting: Collection[str]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                names = await replica.names()
        except (BackendError, TimeoutError) as error:
            self.miss(replica, shortened(error) or f"no answer in {PATIENCE:.0f} s")
            return
        look = self.looks.setdefault(replica.replica, Look())
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
        look = self.looks.setdefault(replica.replica, Look())
        if not look.misses:
            log.warning("%s does not answer: %s", replica.replica, problem)
        look.names = None
        look.misses += 1
        if look.misses >= MISSES:
            self.table.lost(replica.replica)

    def warn(self, replica: str, look: Look, slots: Slots) -> None:
        alarm = slots.alarm()
        if alarm and alarm != look.alarm:
            log.warning("%s: %s", replica, alarm)
        look.alarm = alarm

    def answering(self, pool: Pool) -> list[Backend]:
        """The replicas that answered at the last look."""
        return [r for r in pool.replicas if self.looks[r.replica].names is not None]

    def states(self, pools: Sequence[Pool]) -> tuple[ReplicaState, ...]:
        return tuple(self.state_of(r, pool.slots) for pool in pools for r in pool.replicas)

    def state_of(self, replica: Backend, places: int) -> ReplicaState:
        look = self.looks.get(replica.replica, Look())
        return ReplicaState(
            replica=replica.replica,
            base=look.names.base if look.names else None,
            checked=tuple(sorted(d.name for d in self.table.held_by(replica.replica))),
            loaded=tuple(sorted(look.names.adapters)) if look.names else (),
            slots=places,
            running=self.table.running[replica.replica],
            alarm=look.alarm,
        )
