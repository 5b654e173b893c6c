"""A server that is started here, on the loopback address, and ends with this process."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from time import monotonic

import httpx2

from evaluation.generation.backends.backend import BackendError
from evaluation.generation.backends.openai_server import OpenAIServer
from project.errors import IncumbentError

LOOK_SECONDS = 0.1
STOP_SECONDS = 10.0
# Has the kernel send SIGTERM when its parent is gone (PR_SET_PDEATHSIG is 1 in Linux'
# <sys/prctl.h>), and becomes the program.
TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


class StartedServer:
    """A process, killed or not, of which nothing is left when this one has ended."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment`: this process' where it is None."""
        self.program = command[0]
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as that runs
        self.process = subprocess.Popen(
            tied(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    async def ready(self, server: OpenAIServer, seconds: float) -> None:
        """Wait until it is well: it is not while it reads the model. Raises IncumbentError with its
        last words where it ends, or takes longer.
        """
        until = monotonic() + seconds
        while monotonic() < until and self.runs():
            try:
                await server.read("GET", httpx2.URL(f"{server.root}/health"), None)
            except BackendError:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return
        raise IncumbentError(f"{self.program} did not start:\n{last_lines(self.log.fileno())}")

    def runs(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def tied(command: Sequence[str]) -> list[str]:
    """A command whose process ends when this one is killed; elsewhere than on Linux as it is."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-IS", "-c", TIED, str(os.getpid()), *command]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def last_lines(log: int) -> str:
    """What it said last, without what a terminal would take for orders."""
    size = os.fstat(log).st_size
    said = os.pread(log, 4096, max(0, size - 4096)).decode(errors="replace")
    lines = ["".join(c for c in line if c.isprintable()) for line in said.splitlines()]
    return "\n".join(lines[-8:])
