"""SkyPilot's program `sky`: found in an environment of its own, and run with its output shown."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from incumbent.launching.task import Cloud, Task
from project.errors import IncumbentError, InputError
from project.libraries import users_environment

VARIABLE = "INCUMBENT_SKY"
# Its exit codes, from sky/exceptions.py of 0.14.
MEANINGS = {100: "the job failed", 101: "the job is not finished", 103: "the job was cancelled"}


def found_sky(cloud: Cloud | None) -> str:
    """Raises InputError that says how to make an environment for it."""
    named = os.environ.get(VARIABLE)
    if program := shutil.which(named or "sky"):
        return program
    if named:
        raise InputError(f"there is no program {named}", field=f"${VARIABLE}")
    wanted = f"skypilot[{cloud}]" if cloud else "skypilot[aws]"
    raise InputError(
        "this needs SkyPilot, in an environment of its own, for its libraries are others than "
        f"ours: `python3 -m venv ~/.sky-venv && ~/.sky-venv/bin/pip install '{wanted}==0.14.*' "
        f"&& export {VARIABLE}=~/.sky-venv/bin/sky`, then `$INCUMBENT_SKY check`"
    )


def run_sky(command: Sequence[str], task: Task, *, aside: bool) -> None:
    """Run it to its end; with `aside`, what it prints goes to standard error.

    Ctrl-C is for it alone: it stops showing, and says what goes on. Raises IncumbentError where it
    does not end well.
    """
    output = sys.stderr if aside else None
    with left_to_child():
        code = subprocess.run(command, env=users_environment(), stdout=output).returncode
    if code:
        raise IncumbentError(ended_badly(code, task))


def ended_badly(code: int, task: Task) -> str:
    meaning = f" ({MEANINGS[code]})" if code in MEANINGS else ""
    look, end = ("sky status", "sky down")
    if task.machine.spot:
        look, end = "sky jobs queue", "sky jobs cancel --name"
    return (
        f"sky ended with exit code {code}{meaning}; `{look}` shows what still runs and costs, "
        f"`{end} {task.checkout.name}` ends it"
    )


@contextmanager
def left_to_child() -> Iterator[None]:
    """Mind no Ctrl-C in the block; a program that is started in it does, since a handler of ours
    does not outlive its start.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
