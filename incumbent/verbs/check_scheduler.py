"""`incumbent scheduler --check`: whether the scheduler of this machine lives, for a probe."""

import socket
from datetime import UTC, datetime
from pathlib import Path

from incumbent.output import console
from monitoring.scheduling.heartbeats import Heartbeat, living
from project.errors import IncumbentError, InputError
from project.settings import PARAMS
from registry.reader import RegistryReader
from registry.storage.database import connect


def check_scheduler(teams: Path | None = None) -> None:
    """Print the newest sign of life of a scheduler on this host.

    Raises IncumbentError where there is no fresh one, and InputError outside of a project, where
    looking would make a registry.
    """
    host, now = socket.gethostname(), datetime.now(UTC)
    own = [one for one in (of_teams(teams) if teams else here()) if one.machine == host]
    newest = min(own, key=lambda one: one.age(now), default=None)
    if newest is None:
        raise IncumbentError(f"no scheduler runs on {host}: start one by `incumbent scheduler`")
    if not newest.is_fresh(now):
        raise IncumbentError(f"no heartbeat for {newest.age(now).total_seconds():.0f} s: {newest}")
    console.print(str(newest), soft_wrap=True)


def here() -> tuple[Heartbeat, ...]:
    if not Path(PARAMS).exists():
        raise InputError("here is no project", file=PARAMS)
    with RegistryReader.here() as registry:
        return living(registry.engine)


def of_teams(file: Path) -> tuple[Heartbeat, ...]:
    # Imported here because it brings what times are read by, which is in an extra.
    from monitoring.teams.team_project import read_teams, registry_of

    engine = connect(registry_of(read_teams(file)))
    try:
        return living(engine)
    finally:
        engine.dispose()
