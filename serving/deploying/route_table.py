"""What answers now: which replica holds which version, and where the champion's traffic goes.

It is this gateway's own memory. What the registry says should be, and the checks before a version
gets here, are `serving/deploying/follower.py`'s.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from evaluation.generation.backends.backend import Backend
from serving.deployment import Deployment


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

    def deployed(self, version: int | None) -> Deployment | None:
        """A version that at least one replica holds; None: the bare base."""
        found = (h.deployment for h in self.holders if h.deployment.version == version)
        return next(found, None)

    def replica(self, deployment: Deployment, besides: Collection[str] = ()) -> Backend | None:
        """The least busy replica that holds it, but for those that were tried already."""
        able = [
            h.backend
            for h in self.holders
            if h.deployment.name == deployment.name and h.backend.replica not in besides
        ]
        return min(able, key=lambda backend: self.running[backend.replica], default=None)

    def hold(self, deployment: Deployment, backend: Backend) -> None:
        if not self.holds(deployment, backend.replica):
            self.holders.append(Holder(deployment, backend))

    def holds(self, deployment: Deployment, replica: str) -> bool:
        return any(
            h.deployment.name == deployment.name and h.backend.replica == replica
            for h in self.holders
        )

    def lost(self, replica: str, name: str | None = None) -> None:
        """A replica does not answer, or lacks an adapter: no request goes there until the follower
        has repaired it.
        """
        self.holders = [
            h
            for h in self.holders
            if h.backend.replica != replica or name not in (None, h.deployment.name)
        ]
