"""What answers now: which replica holds which version, and where the champion's traffic goes.

It is this gateway's own memory. What the registry says should be, and the checks before a version
gets here, are `serving/deploying/follower.py`'s.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from evaluation.generation.backends.backend import Backend
from project.records.record import Digest, Record
from serving.exchange import Deployment


@dataclass(frozen=True)
class Holder:
    """A replica that holds a deployment, whose golden prompts it answered as the evidence says."""

    deployment: Deployment
    backend: Backend


@dataclass
class RouteTable:
    """Read between two requests and changed by the follower, all in one event loop: no locks."""

    champion: Deployment | None = None  # what the champion's traffic goes to; None: nothing yet
    previous: Deployment | None = None  # for a rollback without a wait
    holders: list[Holder] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)  # requests on each replica now
    # The same by replica and the name of what answers there.
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def deployed(self, version: int | None) -> Deployment | None:
        """A version that at least one replica holds; None: the bare base."""
        deployments = (h.deployment for h in self.holders if h.deployment.version == version)
        return next(deployments, None)

    def replica(self, deployment: Deployment, besides: Collection[str] = ()) -> Backend | None:
        """The least busy replica that holds it, but for those that were tried already."""
        able = [
            h.backend
            for h in self.holders
            if h.deployment.name == deployment.name and h.backend.replica not in besides
        ]
        return min(able, key=lambda backend: self.running[backend.replica], default=None)

    @contextmanager
    def answering(self, deployment: Deployment, backend: Backend) -> Iterator[None]:
        """While a request is answered: what still answers is not unloaded."""
        pair = (backend.replica, deployment.name)
        self.running[backend.replica] += 1
        self.answers[pair] += 1
        try:
            yield
        finally:
            self.running[backend.replica] -= 1
            self.answers[pair] -= 1
            if not self.answers[pair]:  # names are many over the months, and none comes back
                del self.answers[pair]

    def answers_still(self, replica: str, name: str) -> bool:
        return self.answers[(replica, name)] > 0

    def hold(self, deployment: Deployment, backend: Backend) -> None:
        if not self.holds(deployment, backend.replica):
            self.holders.append(Holder(deployment, backend))

    def holds(self, deployment: Deployment, replica: str) -> bool:
        return any(
            h.deployment.name == deployment.name and h.backend.replica == replica
            for h in self.holders
        )

    def held_by(self, replica: str) -> list[Deployment]:
        return [h.deployment for h in self.holders if h.backend.replica == replica]

    def replicas_of(self, deployment: Deployment) -> list[Backend]:
        return [h.backend for h in self.holders if h.deployment.name == deployment.name]

    def move(self, deployment: Deployment) -> None:
        """Let new requests for the champion go to a deployment; running ones end where they are."""
        if self.champion is not None and self.champion.name != deployment.name:
            self.previous = self.champion
        self.champion = deployment

    def withdraw(self) -> None:
        """Nobody is champion any more: no new request goes anywhere, running ones end."""
        self.champion = self.previous = None

    def lost(self, replica: str, name: str | None = None) -> None:
        """A replica does not answer, or lacks an adapter: no request goes there until the follower
        has repaired it.
        """
        self.holders = [
            h
            for h in self.holders
            if h.backend.replica != replica or name not in (None, h.deployment.name)
        ]

    def keep(self, names: Collection[str]) -> None:
        """Forget what nobody may ask for any more. A replica may hold its adapter still."""
        self.holders = [h for h in self.holders if h.deployment.name in names]
        if self.previous is not None and self.previous.name not in names:
            self.previous = None


# --- state ----------------------------------------------------------------------------------------

# How a gateway stands: what it routes to, what it should, and what each replica holds.


class ReplicaState(Record):
    """One replica, as it was when the follower last looked."""

    replica: str
    base: str | None  # as the server names it; None: it does not answer
    checked: tuple[str, ...]  # deployments that passed their golden prompts here: traffic may come
    loaded: tuple[str, ...]  # all adapters that the replica lists, others' too
    slots: int
    running: int  # requests of this gateway
    alarm: str | None  # slots run out


class RouteProblem(Record):
    """Why a version is not where it should be."""

    version: int
    replica: str | None
    problem: str


class ServingState(Record):
    family: str
    champion: int | None  # of the registry; None: none was promoted, or it was withdrawn
    deployed: Deployment | None  # where this gateway's traffic for the champion goes
    adapter: Digest | None  # that answers
    previous: Deployment | None  # held for a rollback
    experiments: tuple[int, ...]  # versions in running ones
    replicas: tuple[ReplicaState, ...]
    problems: tuple[RouteProblem, ...]

    @property
    def ready(self) -> bool:
        """Whether a replica that answers holds what the champion's traffic goes to."""
        name = self.deployed.name if self.deployed else None
        return any(r.base is not None and name in r.checked for r in self.replicas)

    @property
    def differs(self) -> bool:
        """Whether the traffic goes elsewhere than to the champion."""
        return self.champion != (self.deployed.version if self.deployed else None)

    @property
    def away(self) -> int:
        """Replicas that did not answer at the last look."""
        return sum(replica.base is None for replica in self.replicas)

    @property
    def full(self) -> int:
        """Replicas with no slot for a further version."""
        return sum(replica.alarm is not None for replica in self.replicas)

    def __str__(self) -> str:
        if self.champion is None:
            return f"{self.family}: no champion, so nothing answers"
        answers = self.deployed.label if self.deployed else "nothing"
        if not self.differs:
            return f"{self.family}: the champion, {answers}, answers"
        why = "; ".join(p.problem for p in self.problems if p.version == self.champion)
        reason = f": {why}" if why else ""
        return f"{self.family}: v{self.champion} is champion, {answers} answers{reason}"
