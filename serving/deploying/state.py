"""How a gateway stands: what it routes to, what it should, and what each replica holds."""

from project.records.record import Digest, Record
from serving.deployment import Deployment


class ReplicaState(Record):
    """One replica, as it was when the follower last looked."""

    replica: str
    base: str | None  # as the server names it; None: it does not answer
    checked: tuple[str, ...]  # deployments that passed their golden prompts here: traffic may come
    loaded: tuple[str, ...]  # all adapters that the replica lists, others' too
    slots: int
    running: int  # requests of this gateway
    alarm: str | None  # slots run out


class Problem(Record):
    """Why a version is not where it should be."""

    version: int
    replica: str | None
    problem: str


class ServingState(Record):
    family: str
    champion: int | None  # of the registry; None: no version was promoted yet
    deployed: Deployment | None  # where this gateway's traffic for the champion goes
    adapter: Digest | None  # that answers
    previous: Deployment | None  # held for a rollback
    experiments: tuple[int, ...]  # versions in running ones
    replicas: tuple[ReplicaState, ...]
    problems: tuple[Problem, ...]

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
            return f"{self.family}: no champion yet, so nothing is deployed"
        answers = self.deployed.label if self.deployed else "nothing"
        if not self.differs:
            return f"{self.family}: the champion, {answers}, answers"
        why = "; ".join(p.problem for p in self.problems if p.version == self.champion)
        reason = f": {why}" if why else ""
        return f"{self.family}: v{self.champion} is champion, {answers} answers{reason}"
