"""A machine of the hostile month (hostile_month.py), as its own process sees it: it does what it is
told, at the time that it is told.

python -m tests.monitoring.hostile_machine [ARGUMENTS]: a machine, in its project's folder; with
arguments, an `incumbent` of its own at the time that the machine was told.
"""

import errno
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from registry.reader import RegistryReader
from registry.store import Registry

NOW = "HOSTILE_NOW"  # the variable that tells commands the time


def told_clock() -> Callable[[], datetime]:
    """The time that was told, and what has passed since."""
    told, since = datetime.fromisoformat(os.environ[NOW]), monotonic()
    return lambda: told + timedelta(seconds=monotonic() - since)


def tell_time(now: str) -> None:
    """Let every registry that is opened from now on go by a told clock."""
    os.environ[NOW] = now
    defaults = RegistryReader.__init__.__kwdefaults__
    assert defaults is not None
    defaults["clock"] = told_clock()


def command() -> None:
    """`incumbent`, at the time that was told."""
    tell_time(os.environ[NOW])
    from incumbent.cli import app

    app()


class Machine:
    """Does what it is told to: a tick of its scheduler, or a command of a person on it."""

    def __init__(self) -> None:
        from incumbent.verbs.nightly import scheduler_of
        from monitoring.night import nightly_job
        from monitoring.night_context import NightContext
        from monitoring.scheduling.job import ScheduleParams
        from monitoring.trigger import retrain
        from project.child_processes import environment
        from project.settings import load

        path = f"{Path('bin').resolve()}{os.pathsep}{environment()['PATH']}"
        vars(retrain)["environment"] = lambda: {**environment(), "PATH": path}
        self.registry = Registry.here()
        schedule = load(ScheduleParams)
        job = nightly_job(NightContext.here(self.registry), schedule)
        self.scheduler = scheduler_of(schedule, job, self.registry)
        self.fsync = os.fsync

    def obey(self, order: dict[str, Any]) -> object:
        tell_time(order["now"])
        self.registry.clock = self.scheduler.clock = told_clock()
        if "command" in order:
            return self.run(order["command"])
        vars(os)["fsync"] = full if order["full"] else self.fsync
        started = os.times()
        self.scheduler.tick()
        ended = os.times()
        return {
            "seconds": sum(ended[:4]) - sum(started[:4]),
            "refused": list(self.scheduler.refused.values()),
        }

    def run(self, arguments: list[str]) -> int:
        from incumbent.cli import app

        try:
            app(arguments)
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0


def full(handle: object) -> None:
    """What a file meets that is written to a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what commands print is for the log
    tell_time(os.environ[NOW])
    machine = Machine()
    for line in sys.stdin:
        print(json.dumps(machine.obey(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    command() if sys.argv[1:] else main()
