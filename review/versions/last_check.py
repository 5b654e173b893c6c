"""The registry's newest check in this process: made on demand, one at a time."""

from dataclasses import dataclass, field
from threading import Lock

from fastapi import FastAPI

from evaluation.decision.registry_check import RegistryCheck, check_registry
from project.errors import IncumbentError
from project.records.record import Record
from project.times import stamp
from registry.store import Registry


class CheckMade(Record):
    """When the registry was checked, for whom, and what was found."""

    at: str  # RFC 3339, UTC
    by: str
    seconds: float
    found: RegistryCheck


@dataclass
class LastCheck:
    made: CheckMade | None = None
    running: Lock = field(default_factory=Lock)

    def check(self, registry: Registry) -> CheckMade:
        """Check everything, which takes as long as reading every stored file does.

        Raises IncumbentError while somebody else's check runs, and for who may not administer.
        """
        registry.roles.require("administer", registry.actor)
        if not self.running.acquire(blocking=False):
            raise IncumbentError("the registry is being checked already: wait for that result")
        try:
            begun = registry.clock()
            found = check_registry(registry)
            seconds = (registry.clock() - begun).total_seconds()
            self.made = CheckMade(at=stamp(begun), by=registry.actor, seconds=seconds, found=found)
        finally:
            self.running.release()
        return self.made


def last_check(app: FastAPI) -> LastCheck:
    """The application's own."""
    found: LastCheck = app.state.last_check
    return found
