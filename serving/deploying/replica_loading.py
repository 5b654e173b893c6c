"""A version onto one replica: loaded, read back, and asked golden prompts before it may answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from evaluation.evaluation_settings import Decoding
from evaluation.generation.backends.backend import BUSY, UNREACHABLE, Backend, BackendError
from project.untrusted_input import shortened
from serving.deploying.golden_prompts import (
    AGREEMENT,
    PROMPTS,
    GoldenError,
    Passed,
    Replica,
    Subject,
    check_answers,
    check_bare,
    choose_prompts,
)
from serving.deploying.pools import Slots
from serving.deploying.route_table import RouteTable
from serving.exchange import Deployment

Step = Literal["verify", "load", "golden"]
GOLDEN = 3  # times an answer's patience: the bare base is asked first, and others may be after it
SHOWN = 300  # characters of what a replica says of its own fault


class StepError(Exception):
    """A version did not get onto a replica."""

    def __init__(self, step: Step, problem: str) -> None:
        super().__init__(problem)
        self.step = step
        self.problem = problem


class UnreachableError(Exception):
    """A replica does not answer, or has too much to do: no fault of the version."""


class SlotBusyError(Exception):
    """A slot gets free as soon as the answers end that run on an adapter which may go."""


@dataclass(frozen=True)
class ReplicaSlots:
    """A replica, and what must stay loaded there."""

    backend: Backend
    slots: int
    kept: Collection[str]


@dataclass(frozen=True)
class ReplicaLoader:
    """How a follower brings versions to replicas."""

    family: str
    table: RouteTable
    decoding: Decoding
    patience: float  # seconds that a load or an answer may take
    subject_of: Callable[[Deployment], Subject]
    engine: str  # as serving.backend names it

    async def bring(
        self, deployment: Deployment, folder: Path, place: ReplicaSlots, *, in_use: bool
    ) -> Passed:
        """Load a version, unless it is there, and check what it answers. One that fails is unloaded
        so that the next try loads it anew; but not where other gateways may use it.

        Raises StepError, UnreachableError or SlotBusyError; then it gets no traffic there.
        """
        name, backend = deployment.name, place.backend
        asked = deployment.contestant
        prompt = Replica(backend, asked.system_prompt, self.decoding, asked.base, self.engine)
        if deployment.contestant.bare:
            return await self.bring_bare(deployment, folder, place, prompt)
        held = [d for d in self.table.held_by(backend.replica) if d.name != name]
        subject, *rivals = await asyncio.to_thread(self.subjects, [deployment, *held])
        async with self.limits("golden", GOLDEN * self.patience):
            fresh = name not in (await backend.names()).adapters
            golden = await choose_prompts(prompt, subject.judged, rivals, PROMPTS)
        if fresh:
            async with self.limits("load", self.patience):
                await self.load(name, folder, place)
        try:
            async with self.limits("golden", GOLDEN * self.patience):
                passed = await check_answers(prompt, subject, rivals, golden, fresh=fresh)
        except StepError:
            if not in_use:
                await self.unload(name, backend)
            raise
        self.table.hold(deployment, backend)
        return passed

    async def bring_bare(
        self, deployment: Deployment, folder: Path, place: ReplicaSlots, prompt: Replica
    ) -> Passed:
        """A version without an adapter has no weights that may not have been applied: that it
        answers is checked, and how far as it was judged. What a hosted model answers may vary.
        """
        judged = await asyncio.to_thread(self.subject_of, deployment)
        async with self.limits("load", self.patience):
            await self.load(deployment.name, folder, place)
        async with self.limits("golden", GOLDEN * self.patience):
            least = AGREEMENT
            if deployment.contestant.base.hosted:
                prompt, least = replace(prompt, temperature=self.decoding.temperature), 0.0
            passed = await check_bare(prompt, judged, least)
        self.table.hold(deployment, place.backend)
        return passed

    @asynccontextmanager
    async def limits(self, step: Step, seconds: float) -> AsyncIterator[None]:
        """What goes wrong in a step, or takes longer, as one of three errors."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except GoldenError as error:
            raise StepError("golden", str(error)) from None
        except TimeoutError:
            raise StepError(step, f"it took longer than {seconds:.0f} s") from None
        except BackendError as error:
            if error.status in (UNREACHABLE, BUSY):
                raise UnreachableError(shortened(error, SHOWN)) from None
            why = shortened(error, SHOWN)
            problem = f"the replica refused it with status {error.status}: {why}"
            raise StepError(step, problem) from None

    async def load(self, name: str, folder: Path, place: ReplicaSlots) -> None:
        await self.make_room(place, (await place.backend.names()).adapters)
        await place.backend.load(name, folder)
        if name not in (await place.backend.names()).adapters:
            raise StepError("load", "the replica took the adapter and does not list it")

    async def make_room(self, place: ReplicaSlots, loaded: frozenset[str]) -> None:
        """Unload what may go until there is room for one more."""
        replica = place.backend.replica
        while True:
            busy = frozenset(name for name in loaded if self.table.answers_still(replica, name))
            slots = Slots(self.family, place.slots, loaded, frozenset(place.kept), busy)
            if not slots.full:
                return
            name = slots.free_one()
            if name is None and slots.waits:
                raise SlotBusyError
            if name is None:
                raise StepError("load", slots.alarm() or "no adapter slot is free")
            self.table.lost(replica, name)
            await place.backend.unload(name)
            loaded -= {name}

    def subjects(self, deployments: Sequence[Deployment]) -> list[Subject]:
        """Reads the dev answers that are kept."""
        return [self.subject_of(deployment) for deployment in deployments]

    async def unload(self, name: str, backend: Backend) -> None:
        with suppress(BackendError):  # the next look at the replica shows what it holds
            await backend.unload(name)
