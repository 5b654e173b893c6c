"""`incumbent scheduler --check`: whether the scheduler of this machine lives, for a probe."""

import socket
from pathlib import Path

from incumbent.output import console
from project.errors import IncumbentError, InputError
from project.settings import PARAMS
from registry.jobs.heartbeats import living
from registry.reader import RegistryReader


def check_scheduler() -> None:
    """Print the newest sign of life of a scheduler on this host.

    Raises IncumbentError where there is no fresh one, and InputError outside of a project, where
    looking would make a registry.
    """
    if not Path(PARAMS).exists():
        raise InputError("here is no project", file=PARAMS)
    host = socket.gethostname()
    with RegistryReader.here() as registry:
        now = registry.clock()
        own = [one for one in living(registry.engine) if one.machine == host]
    newest = min(own, key=lambda one: one.age(now), default=None)
    if newest is None:
        raise IncumbentError(f"no scheduler runs on {host}: start one by `incumbent scheduler`")
    if not newest.is_fresh(now):
        raise IncumbentError(f"no heartbeat for {newest.age(now).total_seconds():.0f} s: {newest}")
    console.print(str(newest), soft_wrap=True)
