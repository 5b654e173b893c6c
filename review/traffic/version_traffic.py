"""What became of a version on the traffic: when it answered, what failed, how it was tried."""

from project.errors import InputError
from project.records.record import Record
from registry.deployments import deployments
from registry.experiments.experiment_events import (
    experiments_on,
    refuse_second,
    refuse_untriable,
)
from registry.storage.database import reading
from registry.store import Registry
from review.traffic.deployed import DeployedTime, FailedDeployment, deployed_time, failed
from review.traffic.experiments import ExperimentView, experiments_with

SHOWN = 20  # failures


class VersionTraffic(Record):
    """All of it, the newest first."""

    champion: bool
    deployments: tuple[DeployedTime, ...]
    failures: tuple[FailedDeployment, ...]
    failures_before: int  # older ones, which the history has
    experiments: tuple[ExperimentView, ...]
    untriable: str | None  # why no experiment can be opened with it now; None: one can

    @property
    def answers(self) -> bool:
        """Whether gateways send the champion's requests to it."""
        return any(one.until is None for one in self.deployments)


def version_traffic(registry: Registry, number: int) -> VersionTraffic | None:
    """None where no gateway told of this family yet, and nobody opened an experiment."""
    told, why_not = deployments(registry), untriable(registry, number)
    tried = experiments_with(registry, number)
    if not (told.tenures or told.failures or tried):
        return None
    failures = [failed(one) for one in reversed(told.failures) if one.version == number]
    times = [deployed_time(one) for one in reversed(told.tenures) if one.version == number]
    champion = registry.champion()
    return VersionTraffic(
        champion=champion is not None and champion.number == number,
        deployments=tuple(times),
        failures=tuple(failures[:SHOWN]),
        failures_before=len(failures[SHOWN:]),
        experiments=tried,
        untriable=why_not,
    )


def untriable(registry: Registry, number: int) -> str | None:
    """What the registry would say to somebody who opens an experiment with it."""
    version = registry.version(number)
    try:
        with reading(registry.engine) as connection:
            refuse_untriable(registry, connection, version)
            refuse_second(experiments_on(connection, registry.family))
    except InputError as error:
        return str(error)
    return None
