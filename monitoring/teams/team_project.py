"""A project of a team, and the process that it runs in."""

import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from monitoring.night_history import anchor_of, nightly_of, verify_of
from monitoring.scheduling.job import ANCHORING, Cron, HealthAddress, ScheduleParams
from project.child_processes import environment
from project.errors import IncumbentError, InputError
from project.files import FileState, state_of
from project.records.record import Record
from project.settings import Settings, load, read_settings
from registry.registry_settings import RegistryParams

# --- team project ---------------------------------------------------------------------------------

# A project of a team as its settings have it now: its family, its registry, its jobs.

# --- teams file -----------------------------------------------------------------------------------

# teams.yaml: the projects that one scheduler is for, and what their retrains are kept to.


class TeamProject(Settings):
    """One project; it has a params.yaml of its own, and its family is named there."""

    path: Path  # its folder, below that of the file
    # Retrains of its family that start within 7 days. A night starts one at most: 7 is no limit.
    quota: int = Field(default=7, ge=0)
    environment: dict[str, str] = Field(default={})  # variables beside the scheduler's own

    @property
    def params(self) -> Path:
        return self.path / "params.yaml"


class Teams(Settings):
    """The whole file."""

    projects: tuple[TeamProject, ...] = Field(min_length=1)
    at_once: int = Field(default=1, ge=1)  # retrains of all families, over all machines
    nights_at_once: int = Field(default=2, ge=1)  # of this machine; those that retrain not counted
    health: HealthAddress | None = None  # host:port of /healthz and /metrics

    @model_validator(mode="after")
    def each_project_is_there_once(self) -> Self:
        paths = [project.path for project in self.projects]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"{path} is there twice among the projects")
        return self


def read_teams(file: Path) -> Teams:
    """Read teams.yaml, paths as seen from its folder. Raises InputError with file and field."""
    teams = read_settings(Teams, file)
    folder = file.resolve().parent
    projects = [
        project.model_copy(update={"path": folder / project.path}) for project in teams.projects
    ]
    return teams.model_copy(update={"projects": tuple(projects)})


# --- team project ---------------------------------------------------------------------------------

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
        lines |= {anchor: ANCHORING} if self.anchors else {}
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
    variables = {name: value for name, value in environment().items() if name != HOME}
    return variables | team.environment


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


# --- project process ------------------------------------------------------------------------------

# A process of a project: it does all that is due there, in the project's own surroundings.

PATIENCE = 120.0  # seconds in which a process that is asked to end has ended a retrain
SHOWN = 300  # characters of the last line of a log


class ProcessEnd(Record):
    """How a process ended."""

    code: int
    log: str
    last_line: str

    def __str__(self) -> str:
        return f"ended with code {self.code}: {self.last_line or 'no word'} ({self.log})"


@dataclass(frozen=True)
class ProjectProcess:
    """One that was started; it goes on where the scheduler dies, under its own leases."""

    project: ReadProject
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, project: ReadProject, at_once: int) -> "ProjectProcess":
        """`drift scheduler --once` in the project's folder, with a log that begins anew."""
        limits = ["--at-once", str(at_once), "--quota", str(project.team.quota)]
        log = log_of(project.team)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["incumbent", "drift", "scheduler", "--once", *limits],
                cwd=project.team.path,
                env=variables_of(project.team),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for the scheduler alone
            )
        return cls(project, process, log)

    def ended(self) -> ProcessEnd | None:
        """None: it still runs."""
        code = self.process.poll()
        if code is None:
            return None
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "")
        return ProcessEnd(code=code, log=str(self.log), last_line=last.strip()[-SHOWN:])

    def wait(self) -> None:
        """Until it has ended, in order or not."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def log_of(team: TeamProject) -> Path:
    return home_of(team) / "monitoring" / "scheduler.log"
