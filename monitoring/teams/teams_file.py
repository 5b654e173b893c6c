"""teams.yaml: the projects that one scheduler is for, and what their retrains are kept to."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from monitoring.scheduling.schedule_settings import HealthAddress
from project.settings import Settings, read_settings


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
    """Read teams.yaml, paths as seen from its own folder. Raises InputError naming file, line and
    field.
    """
    teams = read_settings(Teams, file)
    folder = file.resolve().parent
    projects = [one.model_copy(update={"path": folder / one.path}) for one in teams.projects]
    return teams.model_copy(update={"projects": tuple(projects)})
