"""Experiments as their events tell of them: opened by a person, ended once."""

from collections.abc import Sequence

from sqlalchemy import Connection

from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.records.events import Event, ExperimentEnded, ExperimentOpened
from project.records.record import Record
from project.untrusted_input import one_line
from registry.decision_checks import same_person
from registry.event_list import EventFilter, newest_events
from registry.experiments.experiment_result import ExperimentResult, Verdict
from registry.reader import RegistryReader
from registry.state import CHAMPION
from registry.storage.database import reading, writing
from registry.store import Registry

EVENTS = EventFilter(kinds=("experiment", "experiment-end"))


class Experiment(Record):
    """One of a family's experiments."""

    opened: Event
    ended: Event | None

    @property
    def number(self) -> int:
        """Of the event that opened it."""
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
    return next((one for one in experiments(reader) if one.ended is None), None)


def find_experiment(reader: RegistryReader, number: int) -> Experiment:
    """Raises InputError when none has that number."""
    for one in experiments(reader):
        if one.number == number:
            return one
    raise InputError(f"{reader.family} has no experiment {number}; see `incumbent experiment list`")


def experiments_on(connection: Connection, family: str) -> list[Experiment]:
    found = newest_events(connection, family, EVENTS)
    ends = {e.detail.experiment: e for e in found if isinstance(e.detail, ExperimentEnded)}
    return [
        Experiment(opened=event, ended=ends.get(event.seq))
        for event in found
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
        now = next(one for one in known if one.number == experiment.number)
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


# --- one level down -----------------------------------------------------------------------------


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
    if running := next((one for one in known if one.ended is None), None):
        raise InputError(
            f"experiment {running.number} with v{running.version} is running: end it first, "
            f"`incumbent experiment stop {running.number}`"
        )
