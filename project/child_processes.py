"""Programs that we start: found without an activated environment, ended with all they started."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic

from project.libraries import users_environment

ASKED = 5.0  # seconds that a group has to end by itself after SIGINT, as after Ctrl-C
GRACE = 30.0  # seconds between SIGTERM and SIGKILL
LAST = 5.0  # seconds for the kernel to end what was killed
POLL = 0.2  # seconds


def environment() -> dict[str, str]:
    """The user's variables, with `dvc` and `incumbent` found first where this Python is."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**users_environment(), "PATH": path, "DVC_NO_ANALYTICS": "1"}


def end_group(pid: int, reap: Callable[[], object] = lambda: None) -> None:
    """SIGTERM to all of a process group, and SIGKILL to those that do not mind it in time.

    reap lets the leader go where it is a child of ours: as a zombie it would count as one left.
    """
    signal_group(pid, reap, ((signal.SIGTERM, GRACE), (signal.SIGKILL, LAST)))


def interrupt_group(pid: int, reap: Callable[[], object] = lambda: None) -> None:
    """End a group as Ctrl-C in its terminal would, and as end_group does what is left of it.

    Another Ctrl-C meanwhile goes on to the next signal.
    """
    patience = ((signal.SIGINT, ASKED), (signal.SIGTERM, GRACE), (signal.SIGKILL, LAST))
    for step in patience:
        with suppress(KeyboardInterrupt):
            signal_group(pid, reap, (step,))


def signal_group(
    pid: int, reap: Callable[[], object], steps: Sequence[tuple[signal.Signals, float]]
) -> None:
    """Send each signal to the group, and wait so many seconds until nobody is left."""
    for number, seconds in steps:
        deadline = monotonic() + seconds
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
            while monotonic() < deadline:
                reap()
                os.killpg(pid, 0)  # raises when nobody is left
                Event().wait(POLL)
