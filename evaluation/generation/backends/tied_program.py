"""Runs a program that ends when another process does: `python -IS THIS_FILE PROCESS COMMAND…`.

SIGTERM is handed on to the program and all that it started; what is left of them after some seconds
is killed. Where this process itself is killed, as Ray kills the children of a worker that is gone,
the program gets SIGTERM from the kernel. On another system than Linux it does not.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # of Linux' <sys/prctl.h>
STOP_SECONDS = 10


def tie(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it was gone before
        os._exit(1)


def signal_all(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


def run(command: list[str]) -> int:
    """The exit code."""
    own = os.getpid()
    program = os.fork()
    if not program:
        os.setsid()  # Ctrl-C in the terminal is for whoever started it
        tie(own, signal.SIGTERM)
        os.execvp(command[0], command)

    def end(*_: object) -> None:
        signal_all(program, signal.SIGTERM)
        signal.alarm(STOP_SECONDS)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda *_: signal_all(program, signal.SIGKILL))
    signal.signal(signal.SIGTERM, end)
    _, status = os.waitpid(program, 0)
    signal_all(program, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def main() -> NoReturn:
    tie(int(sys.argv[1]), signal.SIGTERM)
    sys.exit(run(sys.argv[2:]))


if __name__ == "__main__":
    main()
