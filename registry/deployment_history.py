"""What gateways deployed, by their events: which version answered since when, and what failed.

The champion is what people and policies promoted; a deployment is where the traffic goes. A gateway
follows the registry and deploys what was promoted already, so that its events need no duty of
their own: whoever may write to the registry's database may tell of it.
"""

import re

from sqlalchemy import Connection

from project.records.adapters import AdapterVersion
from project.records.events import (
    Deployed,
    DeploymentFailed,
    Event,
    EventKind,
    ExperimentEnded,
    Rollback,
)
from project.records.record import Record
from registry.reader import RegistryReader
from registry.storage.database import reading, writing
from registry.store import Registry
from registry.tenure import CHAMPION, MOVES
from registry.version_search import EventFilter, newest_events

# Events about a version after which what failed before is tried at once, and told again.
NEWS: tuple[EventKind, ...] = (
    "submit",
    "sign",
    "decide",
    "promote",
    "rollback",
    "withdraw",
    "deploy",
    "experiment",
)
MOST = 100  # failures of a version that are looked through for the same one
FIGURES = re.compile(r"\d+(\.\d+)?")


class Tenure(Record):
    """The time in which a deployed version answered the champion's requests."""

    version: int
    since: str  # RFC 3339, UTC
    until: str | None  # None: it still does
    actor: str
    told: Deployed


class DeploymentFailure(Record):
    """A version that was not deployed, and why."""

    version: int
    at: str
    actor: str
    reason: str
    told: DeploymentFailed


class Deployments(Record):
    """Both, oldest first."""

    tenures: tuple[Tenure, ...]
    failures: tuple[DeploymentFailure, ...]


class WantedVersions(Record):
    """What gateways should hold, as the registry has it: nothing that was rolled back."""

    champion: AdapterVersion | None
    deployed: AdapterVersion | None  # where the newest `deploy` event sent the traffic
    previous: AdapterVersion | None  # what a rollback goes back to
    experiments: tuple[AdapterVersion, ...]  # in running ones
    news: dict[int, int]  # of each version, the newest event that is a reason to try again

    @property
    def versions(self) -> tuple[AdapterVersion, ...]:
        """Each once: the champion first, for it alone was decided on; then what has the traffic."""
        versions = (self.champion, self.deployed, self.previous, *self.experiments)
        return tuple({v.number: v for v in versions if v is not None}.values())


def wanted(registry: RegistryReader) -> WantedVersions:
    champion, before = registry.champion(), registry.before_champion()
    with reading(registry.engine) as connection:
        newest = newest_deployment(connection, registry.family)
        tried = experimental(connection, registry.family)
        former = newest.version if newest else None
        left = {n for n in (former, before) if n and was_rolled_back(connection, registry, n)}
    wanted_versions = WantedVersions(
        champion=champion,
        deployed=usable(registry, former) if former not in left else None,
        previous=usable(registry, before) if before not in left else None,
        experiments=tuple(filter(None, (usable(registry, number) for number in tried))),
        news={},
    )
    with reading(registry.engine) as connection:
        news = {v.number: newest_news(connection, v) for v in wanted_versions.versions}
    return wanted_versions.model_copy(update={"news": news})


def usable(registry: RegistryReader, number: int | None) -> AdapterVersion | None:
    """A version that was not deleted since."""
    if number is None or registry.deleted(number):
        return None
    return registry.version(number)


def was_rolled_back(connection: Connection, registry: RegistryReader, number: int) -> bool:
    """Whether the newest word on a version as champion is that people went back from it."""
    chosen = EventFilter(kinds=MOVES, version=number)
    moves = newest_events(connection, registry.family, chosen, limit=1)
    if moves and moves[0].kind == "withdraw":
        return True
    back = newest_events(connection, registry.family, EventFilter(kinds=("rollback",)))
    since = moves[0].seq if moves else 0
    return any(e.seq > since and e.told(Rollback).displaced == number for e in back)


def newest_deployment(connection: Connection, family: str) -> Event | None:
    """The newest move of the traffic; None after a withdrawal, which ends every deployment."""
    newest = newest_events(connection, family, EventFilter(kinds=("deploy", "withdraw")), limit=1)
    return newest[0] if newest and newest[0].kind == "deploy" else None


def newest_news(connection: Connection, version: AdapterVersion) -> int:
    about = EventFilter(kinds=NEWS, version=version.number)
    newest = newest_events(connection, version.family, about, limit=1)
    return newest[0].seq if newest else 0


def experimental(connection: Connection, family: str) -> tuple[int, ...]:
    """The versions in experiments that run, the newest first."""
    about = EventFilter(kinds=("experiment", "experiment-end"))
    events = newest_events(connection, family, about)
    ended = {e.detail.experiment for e in events if isinstance(e.detail, ExperimentEnded)}
    opened = [e.version for e in events if e.kind == "experiment" and e.seq not in ended]
    return tuple(dict.fromkeys(opened))


def deployed(registry: RegistryReader) -> Tenure | None:
    """What answers now, as far as gateways told."""
    with reading(registry.engine) as connection:
        newest = newest_deployment(connection, registry.family)
    return tenure_of(newest, None) if newest else None


def deployments(registry: RegistryReader) -> Deployments:
    about = EventFilter(kinds=("deploy", "withdraw"))
    with reading(registry.engine) as connection:
        moves = newest_events(connection, registry.family, about)[::-1]
    ends: list[str | None] = [move.at for move in moves[1:]]
    return Deployments(
        tenures=tuple(
            tenure_of(move, until)
            for move, until in zip(moves, [*ends, None], strict=False)
            if move.kind == "deploy"
        ),
        failures=tuple(map(failure_of, registry.history(kind="deploy-failed"))),
    )


def failures_since(registry: RegistryReader, version: AdapterVersion) -> list[DeploymentFailure]:
    """What failed about a version since there was news of it, oldest first."""
    with reading(registry.engine) as connection:
        since = newest_news(connection, version)
    events = registry.history(version.number, kind="deploy-failed")
    return [failure_of(event) for event in events if event.seq > since]


def tenure_of(event: Event, until: str | None) -> Tenure:
    return Tenure(
        version=event.version,
        since=event.at,
        until=until,
        actor=event.actor,
        told=event.told(Deployed),
    )


def failure_of(event: Event) -> DeploymentFailure:
    return DeploymentFailure(
        version=event.version,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        told=event.told(DeploymentFailed),
    )


def record_deployment(registry: Registry, number: int, told: Deployed, reason: str) -> bool:
    """Note that the traffic moves to the champion. False where another version is champion by now:
    the traffic must not move then. What the newest event says already, it says once, over all
    gateways.
    """
    with writing(registry.engine) as connection:
        if registry.alias_on(connection, CHAMPION) != number:
            return False
        newest = newest_deployment(connection, registry.family)
        if newest is None or newest.version != number:
            displaced = newest.version if newest else None
            detail = told.model_copy(update={"displaced": displaced})
            registry.append_event(connection, number, detail, reason)
    return True


def record_failure(registry: Registry, number: int, told: DeploymentFailed, reason: str) -> None:
    """Note a failed deployment once for each step, replica and problem since the last news."""
    with writing(registry.engine) as connection:
        about = EventFilter(kinds=("deploy-failed",), version=number)
        since = newest_news(connection, registry.version(number))
        known = newest_events(connection, registry.family, about, limit=MOST)
        if not any(e.seq > since and same_failure(e, told, reason) for e in known):
            registry.append_event(connection, number, told, reason)


def same_failure(event: Event, told: DeploymentFailed, reason: str) -> bool:
    """Figures aside: they may differ a little from one try to the next."""
    return event.detail == told and FIGURES.sub("", event.reason) == FIGURES.sub("", reason)
