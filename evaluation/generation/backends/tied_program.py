"""Runs a program that ends when the process that wants it does: `python -IS FILE PARENT COMMAND…`.

SIGTERM is handed on to all that the program started; once it has ended, or some seconds later, what
is left of them is killed. Where this process itself is killed, as Ray kills the children of a lost
worker, the kernel sends the program SIGTERM, which is then all that happens. Other systems than
Linux know no such signal: there the program outlives a parent that is killed.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # of Linux' <sys/prctl.h>; it goes by the thread that started this process
STOP_SECONDS = 10


def tie(parent: int) -> None:
    """Have the kernel send this process SIGTERM when its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before
        os._exit(1)


def signal_all(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


def run(command: list[str]) -> int:
    """The exit code."""
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until there is who to hand it to
    program = os.fork()
    if not program:
        os.setsid()  # Ctrl-C in the terminal is for whoever started it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        tie(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        os.execvp(command[0], command)

    def end(*_: object) -> None:
        signal_all(program, signal.SIGTERM)
        signal.alarm(STOP_SECONDS)

    signal.signal(signal.SIGALRM, lambda *_: signal_all(program, signal.SIGKILL))
    signal.signal(signal.SIGTERM, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    _, status = os.waitpid(program, 0)
    signal_all(program, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def main() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tie(int(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))


if __name__ == "__main__":
    main()
