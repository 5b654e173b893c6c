"""Really killed processes: a change of the registry, ended by SIGKILL at one of its system calls.

python -m tests.killed CHANGE < places.json

A warm parent forks a child for each place and traces it (ptrace, so Linux alone). The first place
sees an undisturbed run, whose system calls are counted; the others are killed at steps spread
evenly over it. Prints {"steps": how many there were, "killed": how many children died}.
"""

import ctypes
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.store import Registry
from tests.places import Place, decide, submit, win

TRACEME, NEXT_CALL = 0, 24  # PTRACE_TRACEME and PTRACE_SYSCALL of <sys/ptrace.h>

Change = Callable[[Registry, Path], object]
CHANGES: dict[str, Change] = {
    "submit": lambda registry, folder: submit(registry, "second", folder),
    "promote": lambda registry, _: registry.promote(2, "better"),
    "rollback": lambda registry, _: registry.rollback("worse in use", to=1),
}
ARCHIVES: dict[str, Change] = {
    "back up": lambda registry, _: back_up(registry, str(archive_beside(registry))),
    "restore": lambda registry, _: restore(registry, str(archive_beside(registry))),
}


def archive_beside(registry: Registry) -> Path:
    assert registry.engine.url.database
    return Path(registry.engine.url.database).with_name("archive.tar")


def prepare(place: Place, change: str, folder: Path) -> None:
    """Bring a new registry to where the change can be made."""
    with place.open() as registry:
        win(registry, "first", folder)
        if change != "submit":
            decide(registry, submit(registry, "second", folder))
        if change == "rollback":
            registry.promote(2, "better")


def make(change: str, place: Place, folder: Path) -> None:
    with place.open() as registry:
        (CHANGES | ARCHIVES)[change](registry, folder)


def main() -> None:
    change = sys.argv[1]
    warm, counted, *others = (Place(Path(root), url) for root, url in json.load(sys.stdin))
    with tempfile.TemporaryDirectory() as folder:
        make(change, warm, Path(folder))  # so that no child has anything left to import
        steps, _ = traced(lambda: make(change, counted, Path(folder)))
        dead = 0
        for number, place in enumerate(others):
            at = number * steps // len(others)
            dead += traced(lambda place=place: make(change, place, Path(folder)), kill_at=at)[1]
    json.dump({"steps": steps, "killed": dead}, sys.stdout)


def traced(action: Callable[[], object], kill_at: int | None = None) -> tuple[int, bool]:
    """Run an action in a child; returns the steps that it took, and whether it was killed.

    A step is the beginning or the end of a system call: all that reaches the disk or a server.
    """
    trace = ctypes.CDLL(None, use_errno=True).ptrace
    child = os.fork()
    if child == 0:
        become(action, trace)
    steps = 0
    _, status = os.waitpid(child, 0)
    while os.WIFSTOPPED(status):
        if steps == kill_at:
            os.kill(child, signal.SIGKILL)
        trace(NEXT_CALL, child, None, None)
        _, status = os.waitpid(child, 0)
        steps += 1
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"the child failed with {os.WEXITSTATUS(status)}")
    return steps, os.WIFSIGNALED(status)


def become(action: Callable[[], object], trace: Callable[..., int]) -> None:
    """Be the child: let the parent trace it, act, and end without what a test would tidy up."""
    code = 1
    try:
        if trace(TRACEME, 0, None, None):
            raise OSError(ctypes.get_errno(), "cannot be traced")
        os.kill(os.getpid(), signal.SIGSTOP)
        action()
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
