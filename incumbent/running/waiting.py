"""Waiting for whoever else is at work in the project, and saying so."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from time import sleep
from typing import IO

from incumbent.running.run_log import log_path
from incumbent.running.run_screen import RunScreen
from project.child_processes import POLL

DVC_LOCK = Path(".dvc", "tmp", "lock")
BUSY = "is busy, it is being blocked by"  # what DVC says of a stage that another process runs
BLOCKER = re.compile(r"\(PID (\d+)\)")
RETRY = 10.0  # seconds


@contextmanager
def only_run(screen: RunScreen) -> Iterator[None]:
    """Wait until no other run of ours is at work here, and keep others out of the block."""
    path = log_path().with_name("run.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        if not taken(handle):
            screen.wait("another `incumbent run` is at work here: waiting for its end …")
            flock(handle, LOCK_EX)
            screen.wait("")
        yield


def tell_of_lock(screen: RunScreen) -> None:
    """Say that DVC will wait, where another command of its own holds the project's lock."""
    if DVC_LOCK.exists():
        with DVC_LOCK.open("a") as handle:
            if not taken(handle):
                screen.wait("another DVC command is at work here: waiting for its end …")


def taken(handle: IO[str]) -> bool:
    """Take a file's lock, until the file is closed; False: somebody else has it."""
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_blockers(error: str, screen: RunScreen) -> bool:
    """Wait a while for the processes that DVC says it was blocked by; False: it was not."""
    if BUSY not in error:
        return False
    pids = [int(pid) for pid in BLOCKER.findall(error)]
    others = ", ".join(map(str, pids))
    screen.wait(f"another DVC command runs the pipeline (process {others}): waiting for it …")
    for _ in range(round(RETRY / POLL)):
        if not any(map(alive, pids)):
            break
        sleep(POLL)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
