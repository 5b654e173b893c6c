"""A project of a team as its settings have it now: its family, its registry, its jobs."""

from functools import lru_cache
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from monitoring.night_history import anchor_of, nightly_of, verify_of
from monitoring.scheduling.cron import Cron
from monitoring.scheduling.schedule_settings import ScheduleParams
from monitoring.teams.teams_file import TeamProject, Teams
from project.child_processes import environment
from project.errors import IncumbentError, InputError
from project.files import FileState, state_of
from project.records.record import Record
from project.settings import load
from registry.registry_settings import RegistryParams

HOME = "INCUMBENT_HOME"


class ReadProject(Record):
    """What a scheduler has to know of a project."""

    team: TeamProject
    family: str
    database: str  # SQLAlchemy's URL, which may hold a password: not to be shown
    schedule: ScheduleParams
    anchors: bool

    @property
    def jobs(self) -> dict[str, Cron]:
        """The names of its jobs, each with its times."""
        zone, anchor = self.schedule.timezone, anchor_of(self.family)
        lines = {nightly_of(self.family): self.schedule.nightly}
        lines |= {anchor: self.schedule.anchor} if self.anchors else {}
        lines |= {verify_of(self.family): self.schedule.verify}
        return {name: Cron(line, zone) for name, line in lines.items()}


def read_project(team: TeamProject) -> ReadProject:
    """Raises InputError for a folder that is no project, or whose settings cannot be read."""
    if not team.params.exists():
        raise InputError("here is no project", file=team.params)
    registry, schedule = settings_of(team.params, state_of(team.params))
    variables = variables_of(team)
    return ReadProject(
        team=team,
        family=registry.family,
        database=database_of(team, variables.get("INCUMBENT_DATABASE") or registry.database),
        schedule=schedule,
        anchors=bool(variables.get("INCUMBENT_ANCHOR") or registry.anchor),
    )


@lru_cache(1000)  # a file is read again when it has changed
def settings_of(params: Path, state: FileState) -> tuple[RegistryParams, ScheduleParams]:
    return load(RegistryParams, params), load(ScheduleParams, params)


def registry_of(teams: Teams) -> str:
    """The database of the first project that can be read. Raises InputError where none can."""
    problems: list[IncumbentError] = []
    for team in teams.projects:
        try:
            return read_project(team).database
        except IncumbentError as error:
            problems.append(error)
    raise problems[0]


def variables_of(team: TeamProject) -> dict[str, str]:
    """What a process of the project sees: state of its own, where nothing else is said."""
    own = {name: value for name, value in environment().items() if name != HOME}
    return own | team.environment


def home_of(team: TeamProject) -> Path:
    """The folder of a project's state."""
    return team.path / team.environment.get(HOME, ".incumbent")


def database_of(team: TeamProject, address: str | None) -> str:
    """The registry's URL, the same for all who share one: a path begins at the root."""
    if address is None:
        return f"sqlite:///{home_of(team) / 'registry' / 'registry.db'}"
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise InputError(
            f"the registry's database is no such URL: {error}",
            file=team.params,
            field="registry.database",
        ) from None
    return absolute(url, team).render_as_string(hide_password=False)


def absolute(url: URL, team: TeamProject) -> URL:
    is_file = url.get_backend_name() == "sqlite" and url.database
    return url.set(database=str(team.path / str(url.database))) if is_file else url
