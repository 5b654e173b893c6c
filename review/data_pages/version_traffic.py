"""What became of a version on the traffic: when it answered, what failed, how it was tried."""

from math import inf
from typing import Literal

from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import Event, ExperimentEnded
from project.records.record import Record
from registry.deployment_history import (
    DeploymentFailure,
    Tenure,
    deployed,
    deployments,
    failures_since,
)
from registry.experiment_events import (
    ArmComparison,
    Experiment,
    ExperimentResult,
    Verdict,
    experiments,
    experiments_on,
    refuse_second,
    refuse_untriable,
    result_of,
    running_experiment,
)
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.store import Registry
from registry.version_search import EventFilter, newest_events
from review.frame.event_words import experiment_words, failed_step

# --- deployed -------------------------------------------------------------------------------------

# What gateways told: which version answers, since when, and what could not be deployed.

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


def failed(failure: DeploymentFailure) -> FailedDeployment:
    return FailedDeployment(
        at=failure.at,
        step=failure.told.step,
        replica=failure.told.replica,
        words=failed_step(failure.told),
        reason=failure.reason,
    )


# --- experiments ----------------------------------------------------------------------------------

# Experiments as the pages show them: who answered whom, and what came of it.

Finding = Literal["worse", "better", "not shown"]


class ExperimentEnd(Record):
    """What came of an experiment, and the figures that were kept then."""

    at: str  # RFC 3339, UTC
    by: str
    verdict: Verdict
    reason: str  # a gateway says here in what the challenger was worse or better
    result: ExperimentResult | None
    problem: str | None  # why there are no figures

    @property
    def by_itself(self) -> bool:
        """Whether the figures ended it. Else a person did, or one of its two sides was gone."""
        return self.verdict in ("harm", "better")

    @property
    def figures(self) -> tuple[tuple[ArmComparison, Finding], ...]:
        """The metric first, then the guardrails."""
        comparisons = self.result.comparisons if self.result else ()
        return tuple((comparison, finding(comparison)) for comparison in comparisons)


class ExperimentView(Record):
    """One experiment. Its salt is left out: gateways alone need it."""

    number: int
    version: int  # the challenger
    against: int | None  # the champion then; None: the bare base
    mode: str
    share: float  # of users; in a shadow, of requests
    metric: str | None  # None: a shadow, of whose answers no user can say anything
    alpha: float
    words: str  # all of that in a sentence's part
    since: str  # RFC 3339, UTC
    by: str
    reason: str
    end: ExperimentEnd | None  # None: it runs


def running(reader: RegistryReader) -> ExperimentView | None:
    experiment = running_experiment(reader)
    return view(reader, experiment) if experiment else None


def view(reader: RegistryReader, experiment: Experiment) -> ExperimentView:
    told = experiment.told
    return ExperimentView(
        number=experiment.number,
        version=experiment.version,
        against=told.champion,
        mode=told.mode,
        share=experiment.share,
        metric=None if told.mode == "shadow" else told.metric,
        alpha=experiment.alpha,
        words=experiment_words(told),
        since=experiment.opened.at,
        by=experiment.opened.actor,
        reason=experiment.opened.reason,
        end=end(reader, experiment, experiment.ended) if experiment.ended else None,
    )


def end(reader: RegistryReader, experiment: Experiment, ended: Event) -> ExperimentEnd:
    """Figures that cannot be read are said to be so: the verdict stands in the history."""
    result, problem = None, None
    try:
        result = result_of(reader, experiment)
    except IncumbentError as error:
        problem = str(error)
    return ExperimentEnd(
        at=ended.at,
        by=ended.actor,
        verdict=ended.told(ExperimentEnded).verdict,
        reason=ended.reason,
        result=result,
        problem=problem,
    )


def finding(arms: ArmComparison) -> Finding:
    """What the evidence was enough for. Harm comes first, as it does in the verdict."""
    if arms.harm >= arms.harm_needed:
        return "worse"
    won = arms.better is not None and arms.better >= (arms.better_needed or inf)
    return "better" if won else "not shown"


# --- version traffic ------------------------------------------------------------------------------

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
        return any(deployment.until is None for deployment in self.deployments)


def version_traffic(registry: Registry, number: int) -> VersionTraffic | None:
    """None where no gateway told of this family yet, and nobody opened an experiment."""
    told, why_not = deployments(registry), untriable(registry, number)
    tried = tuple(view(registry, test) for test in experiments(registry) if test.version == number)
    if not (told.tenures or told.failures or tried):
        return None
    failures = [failed(failure) for failure in reversed(told.failures) if failure.version == number]
    times = [deployed_time(tenure) for tenure in reversed(told.tenures) if tenure.version == number]
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
