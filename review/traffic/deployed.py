"""What gateways told: which version answers, since when, and what could not be deployed."""

from project.records.adapters import AdapterVersion
from project.records.record import Record
from registry.deployments import (
    Failure,
    Tenure,
    deployed,
    failures_since,
)
from registry.event_list import EventFilter, newest_events
from registry.reader import RegistryReader
from registry.storage.database import reading
from review.frame.event_words import failed_step

TOLD_BY_GATEWAYS = EventFilter(kinds=("deploy", "deploy-failed"))


class DeployedTime(Record):
    """The time in which a version answered the champion's requests."""

    version: int
    since: str  # RFC 3339, UTC
    until: str | None  # None: it still does
    engine: str
    replicas: tuple[str, ...]
    golden: int  # prompts that each replica answered
    agreement: float | None  # with the answers that it was judged by; None: not known


class FailedDeployment(Record):
    """A version that was not deployed, and why."""

    at: str
    step: str  # verify, load or golden
    replica: str | None  # None: before any
    words: str  # both in words
    reason: str


class ChampionTraffic(Record):
    """Where gateways send the champion's requests."""

    champion: int
    deployed: DeployedTime | None  # None: nowhere yet
    failures: tuple[FailedDeployment, ...]  # of the champion, since there was news of it

    @property
    def follows(self) -> bool:
        """Whether it is the champion that answers."""
        return self.deployed is not None and self.deployed.version == self.champion


def champion_traffic(reader: RegistryReader, champion: AdapterVersion) -> ChampionTraffic | None:
    """None where no gateway ever told anything: then nobody expects one."""
    if not has_any(reader, TOLD_BY_GATEWAYS):
        return None
    now = deployed(reader)
    return ChampionTraffic(
        champion=champion.number,
        deployed=deployed_time(now) if now else None,
        failures=tuple(map(failed, failures_since(reader, champion))),
    )


def has_any(reader: RegistryReader, chosen: EventFilter) -> bool:
    with reading(reader.engine) as connection:
        return bool(newest_events(connection, reader.family, chosen, limit=1))


def deployed_time(tenure: Tenure) -> DeployedTime:
    told = tenure.told
    return DeployedTime(
        version=tenure.version,
        since=tenure.since,
        until=tenure.until,
        engine=told.engine,
        replicas=told.replicas,
        golden=told.golden,
        agreement=None if told.agreement is None else float(told.agreement),
    )


def failed(failure: Failure) -> FailedDeployment:
    return FailedDeployment(
        at=failure.at,
        step=failure.told.step,
        replica=failure.told.replica,
        words=failed_step(failure.told),
        reason=failure.reason,
    )
