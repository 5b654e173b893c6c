"""What could not be deployed: told once, shown while it lasts, tried again after a pause."""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.events import DeploymentFailed
from registry.deployments import record_failure
from registry.store import Registry
from serving.deploying.replica_loading import Step
from serving.deploying.retries import Key, Retries
from serving.deploying.state import Problem
from serving.deployment import deployment_of

log = logging.getLogger(__name__)


@dataclass
class Failures:
    """One follower's memory of them. `news` is the newest event about a version, after which all
    is tried at once and told anew.
    """

    registry: Registry
    retries: Retries
    problems: dict[Key, str] = field(default_factory=dict)
    written: dict[Key, tuple[int, str]] = field(default_factory=dict)

    async def failed(
        self, version: AdapterVersion, news: int, step: Step, replica: str | None, problem: str
    ) -> None:
        """Tell it, and let the next try wait."""
        self.retries.failed((version.number, replica), news)
        await self.report(version, news, step, replica, problem)

    async def report(
        self, version: AdapterVersion, news: int, step: Step, replica: str | None, problem: str
    ) -> None:
        key = (version.number, replica)
        self.problems[key] = problem
        if self.written.get(key) == (news, problem):
            return
        place = f" on {replica}" if replica else ""
        log.warning("%s was not deployed%s (%s): %s", version.label, place, step, problem)
        told = DeploymentFailed(
            adapter=version.adapter.files,
            name=deployment_of(version).name,
            step=step,
            replica=replica,
        )
        try:
            await asyncio.to_thread(record_failure, self.registry, version.number, told, problem)
        except IncumbentError as error:
            log.error("the event of it could not be written: %s", error)
        else:
            self.written[key] = (news, problem)

    def passed(self, number: int, replica: str | None) -> None:
        self.retries.forget((number, replica))
        self.problems.pop((number, replica), None)

    def keep(self, numbers: Collection[int]) -> None:
        """Forget versions that nobody wants any more."""
        self.problems = {k: p for k, p in self.problems.items() if k[0] in numbers}
        self.written = {k: w for k, w in self.written.items() if k[0] in numbers}
        self.retries.keep(numbers)

    def shown(self) -> tuple[Problem, ...]:
        return tuple(
            Problem(version=number, replica=replica, problem=problem)
            for (number, replica), problem in self.problems.items()
        )
