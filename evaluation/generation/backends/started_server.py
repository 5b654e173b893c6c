"""A server that is started here, on the loopback address, and ends with this process."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

import httpx2

from evaluation.generation.backends.backend import BackendError
from evaluation.generation.backends.openai_server import OpenAIServer
from evaluation.generation.backends.tied_program import STOP_SECONDS
from project.errors import IncumbentError

LOOK_SECONDS = 0.1
TIED = Path(__file__).with_name("tied_program.py")


class StartedServer:
    """A process that ends when this one does (tied_program.py says what holds where)."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment`: this process' where it is None."""
        self.program = command[0]
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as that runs
        self.process = subprocess.Popen(
            [sys.executable, "-IS", TIED, str(os.getpid()), *command],
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
        problem = f"was not ready after {seconds:.0f} s" if self.runs() else "did not start"
        raise IncumbentError(f"{self.program} {problem}:\n{last_lines(self.log.fileno())}")

    def runs(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(2 * STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


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
