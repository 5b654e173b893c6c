"""Experiments as their events tell of them: opened by a person, ended once."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field
from sqlalchemy import Connection, Engine, insert, select

from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import Event, ExperimentEnded, ExperimentOpened
from project.records.record import Digest, Record
from project.untrusted_input import one_line
from registry.decision_checks import same_person
from registry.reader import RegistryReader
from registry.storage.database import reading, writing
from registry.storage.tables import observations
from registry.store import Registry
from registry.tenure import CHAMPION
from registry.version_search import EventFilter, newest_events

# --- experiment result ----------------------------------------------------------------------------

# What an experiment has found: the figures, as they are kept at its end and shown before it.

Verdict = Literal["harm", "better", "no-difference", "stopped"]


class Arms(Record):
    """A number for each of the two who are compared."""

    champion: float
    challenger: float


class ArmComparison(Record):
    """One metric or guardrail, counted by users."""

    name: str  # rating, escalated, resolved, satisfaction; errors, refusals, slow, long
    more_is_better: bool
    users: Arms  # whose first value counts
    means: Arms
    difference: float  # challenger − champion
    interval: tuple[
        float, float
    ]  # of the difference; it holds at all times at once, with 1 − alpha
    limit: float | None = None  # of slow (ms) and long (characters), above which an answer counts
    # The most that the evidence ever was, and what is enough.
    harm: float
    harm_needed: float
    better: float | None = None  # None: a win is not asked about
    better_needed: float | None = None


class ExperimentHealth(Record):
    """Whether the arms can be compared at all."""

    ratio: float  # e-value against the share by which users were assigned, over all users
    feedback_ratio: float | None  # the same over those whose feedback counts
    ratio_needed: float  # from here on they do not fit
    both_arms: int  # users who were answered by both; their first answers count
    waiting: int  # users without a word on the metric yet

    @property
    def sound(self) -> bool:
        """Whether as many users were counted in each arm as the share says."""
        return self.ratio < self.ratio_needed and (self.feedback_ratio or 0) < self.ratio_needed


class ExperimentResult(Record):
    """All that came in until somebody looked, or until the verdict."""

    experiment: int  # the number of its event
    counted: int  # the number of the newest observation in it; 0: none
    users: Arms
    metric: ArmComparison | None  # None: a shadow, of whose answers no user can say anything
    guardrails: tuple[ArmComparison, ...]
    health: ExperimentHealth

    @property
    def comparisons(self) -> tuple[ArmComparison, ...]:
        return (*([self.metric] if self.metric else []), *self.guardrails)


# --- experiment events ----------------------------------------------------------------------------

EVENTS = EventFilter(kinds=("experiment", "experiment-end"))


class Experiment(Record):
    """One of a family's experiments."""

    opened: Event
    ended: Event | None

    @property
    def number(self) -> int:
        """The number of the event that opened it."""
        return self.opened.seq

    @property
    def version(self) -> int:
        """The challenger."""
        return self.opened.version

    @property
    def told(self) -> ExperimentOpened:
        return self.opened.told(ExperimentOpened)

    @property
    def end(self) -> ExperimentEnded | None:
        return self.ended.told(ExperimentEnded) if self.ended else None

    @property
    def share(self) -> float:
        return float(self.told.share)

    @property
    def alpha(self) -> float:
        return float(self.told.alpha)

    def __str__(self) -> str:
        against = f"v{self.told.champion}" if self.told.champion else "the bare base"
        came = f"{self.end.verdict}: {self.ended.reason}" if self.end and self.ended else "running"
        return one_line(f"{self.number}, {self.told.mode} against {against}, {came}")


def experiments(reader: RegistryReader) -> list[Experiment]:
    """All of the family, the newest first."""
    with reading(reader.engine) as connection:
        return experiments_on(connection, reader.family)


def running_experiment(reader: RegistryReader) -> Experiment | None:
    return next(
        (experiment for experiment in experiments(reader) if experiment.ended is None), None
    )


def find_experiment(reader: RegistryReader, number: int) -> Experiment:
    """Raises InputError when none has that number."""
    for experiment in experiments(reader):
        if experiment.number == number:
            return experiment
    raise InputError(
        f"{reader.family} has no experiment {number}; see `incumbent gateway experiment list`"
    )


def experiments_on(connection: Connection, family: str) -> list[Experiment]:
    history = newest_events(connection, family, EVENTS)
    ends = {e.detail.experiment: e for e in history if isinstance(e.detail, ExperimentEnded)}
    return [
        Experiment(opened=event, ended=ends.get(event.seq))
        for event in history
        if isinstance(event.detail, ExperimentOpened)
    ]


def open_experiment(
    registry: Registry, number: int, told: ExperimentOpened, reason: str
) -> Experiment:
    """Let a version answer users beside the champion, from now on.

    Raises InputError for a version that cannot be tried, and where an experiment runs already;
    IncumbentError without the duty, and where the champion is another one than `told` says.
    """
    registry.roles.require("promote", registry.actor)
    version = registry.version(number)
    with writing(registry.engine) as connection:
        refuse_untriable(registry, connection, version)
        refuse_submitter(registry, connection, version, told)
        if registry.alias_on(connection, CHAMPION) != told.champion:
            raise IncumbentError("there is another champion by now: nothing was changed")
        refuse_second(experiments_on(connection, registry.family))
        event = registry.append_event(connection, number, told, reason)
    return Experiment(opened=event, ended=None)


def end_experiment(
    registry: Registry,
    experiment: Experiment,
    verdict: Verdict,
    result: ExperimentResult,
    reason: str,
) -> Experiment:
    """End an experiment. One that has ended stays as it ended: of several gateways one is first.

    A gateway needs no duty for it: it does what the person asked for who opened the experiment.
    """
    with writing(registry.engine) as connection:
        known = experiments_on(connection, registry.family)
        now = next(other for other in known if other.number == experiment.number)
        if now.ended is not None:
            return now
        detail = ExperimentEnded(
            experiment=experiment.number,
            verdict=verdict,
            result=registry.artifacts.put_record(result),
        )
        ended = registry.append_event(connection, experiment.version, detail, reason)
    return Experiment(opened=experiment.opened, ended=ended)


def result_of(reader: RegistryReader, experiment: Experiment) -> ExperimentResult | None:
    """The figures at its end; None: it runs."""
    end = experiment.end
    return reader.artifacts.get_record(ExperimentResult, end.result) if end else None


def interruption(reader: RegistryReader, experiment: Experiment) -> str | None:
    """Why an experiment cannot go on, where one of its two sides is gone."""
    label = f"v{experiment.version}"
    with reading(reader.engine) as connection:
        champion = reader.alias_on(connection, CHAMPION)
        if champion == experiment.version:
            return f"{label} is the champion now"
        if champion != experiment.told.champion:
            return f"the champion that {label} was compared with is not the champion any more"
        if reader.deleted(experiment.version):
            return f"{label} was deleted"
        rejected = reader.newest_on(connection, "reject", experiment.version)
    return f"{label} was rejected by {rejected.actor}" if rejected else None


# --- what keeps an experiment from being opened -------------------------------------------------


def refuse_untriable(registry: Registry, connection: Connection, version: AdapterVersion) -> None:
    label = version.label
    champion = registry.alias_on(connection, CHAMPION)
    if champion is None:
        raise InputError(
            f"{registry.family} has no champion to compare with: `incumbent promote` makes one"
        )
    if champion == version.number:
        raise InputError(f"{label} is the champion already: there is nothing to try")
    if registry.deleted(version.number):
        raise InputError(f"{label} was deleted")
    if rejected := registry.newest_on(connection, "reject", version.number):
        raise InputError(f"{label} was rejected by {rejected.actor}: {rejected.reason}")


def refuse_submitter(
    registry: Registry, connection: Connection, version: AdapterVersion, told: ExperimentOpened
) -> None:
    """Where four eyes are asked for, nobody lets users try alone what he submitted himself."""
    if not registry.four_eyes or told.mode == "shadow":
        return
    submitted = registry.newest_on(connection, "submit", version.number)
    if submitted is None or same_person(submitted.actor, registry.actor):
        raise IncumbentError(
            f"{registry.actor} submitted {version.label} and may not let it answer users alone: "
            "registry.four_eyes in params.yaml asks for a second person"
        )


def refuse_second(known: Sequence[Experiment]) -> None:
    if running := next((experiment for experiment in known if experiment.ended is None), None):
        raise InputError(
            f"experiment {running.number} with v{running.version} is running: end it first, "
            f"`incumbent gateway experiment stop {running.number}`"
        )


# --- observations ---------------------------------------------------------------------------------

# What experiments are judged by: a value for each user and metric, in the order of arrival.
#
# All gateways write into one table, under the writers' lock, so that a higher number came later and
# none is filled in behind what somebody has read.

Arm = Literal["champion", "challenger", "shadow"]
Key = tuple[int, Digest, str, Arm]
AT_A_TIME = 500  # users that one query asks about


class Observation(Record):
    """What one answer, or what a user made of it, is worth in one metric."""

    experiment: int  # the number of the event that opened it
    unit: Digest  # the user: of the experiment's salt, the caller's name and the user's
    arm: Arm
    metric: str = Field(min_length=1, max_length=16)
    value: float
    at: str  # RFC 3339, UTC

    @property
    def key(self) -> Key:
        """The key by which observations are the same: the first one counts."""
        return (self.experiment, self.unit, self.metric, self.arm)


class Arrival(NamedTuple):
    """One that is in the table. Not a record: a large experiment has a million of them."""

    id: int  # the order of arrival
    unit: Digest
    arm: Arm
    metric: str
    value: float


def put_observations(engine: Engine, found: Iterable[Observation]) -> int:
    """Keep the first of each key, all or none; returns how many. Raises IncumbentError."""
    first: dict[Key, Observation] = {}
    for observation in found:
        first.setdefault(observation.key, observation)
    if not first:
        return 0
    with writing(engine) as connection:
        known = known_keys(connection, list(first.values()))
        rows = [row.model_dump() for key, row in first.items() if key not in known]
        if rows:
            connection.execute(insert(observations), rows)
    return len(rows)


def known_keys(connection: Connection, found: Sequence[Observation]) -> set[Key]:
    columns = observations.c
    known: set[Key] = set()
    for start in range(0, len(found), AT_A_TIME):
        some = found[start : start + AT_A_TIME]
        query = select(columns.experiment, columns.unit, columns.metric, columns.arm).where(
            columns.experiment.in_({observation.experiment for observation in some}),
            columns.unit.in_({observation.unit for observation in some}),
        )
        known.update((row[0], row[1], row[2], row[3]) for row in connection.execute(query))
    return known


def read_observations(engine: Engine, experiment: int, after: int = 0) -> list[Arrival]:
    """Those of an experiment with numbers above `after`, in the order of arrival."""
    columns = observations.c
    query = (
        select(columns.id, columns.unit, columns.arm, columns.metric, columns.value)
        .where(columns.experiment == experiment, columns.id > after)
        .order_by(columns.id)
    )
    with reading(engine) as connection:
        return [Arrival(*row) for row in connection.execute(query)]
