"""A vLLM that this process starts for itself, on one base at a time, and that ends with it at last.

Its Python is of an environment of its own, since vLLM wants other libraries than ours.
"""

import asyncio
import atexit
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

import httpx2

from evaluation.generation.backends.adapter_servers import VllmReplica
from evaluation.generation.backends.backend import KEPT, UNREACHABLE, BackendError, Engine
from evaluation.generation.backends.openai_server import OpenAIServer
from evaluation.generation.backends.tied_program import STOP_SECONDS
from project.errors import IncumbentError, InputError
from project.libraries import users_environment
from project.records.adapters import Precision
from project.settings import PARAMS
from project.untrusted_input import one_line

FIELD = "evaluation.generation.vllm_python"
MODULE = "vllm.entrypoints.openai.api_server"
# Its package has other names for other kinds of machines.
ASK_VERSION = (
    "from importlib.metadata import packages_distributions, version; "
    "print(version(packages_distributions()['vllm'][0]))"
)
ASK_SECONDS = 120
START_SECONDS = 1800.0  # until a large base is read, and compiled for a GPU
# Others of the same name in the settings win. An adapter is loaded for as long as it answers. The
# log-probabilities of an answer are those that it was drawn by.
OPTIONS = (
    "--enable-lora",
    "--max-loras=2",
    "--max-cpu-loras=2",
    "--max-lora-rank=64",
    "--logprobs-mode=processed_logprobs",
)
ENVIRONMENT = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",  # the base is a folder
    "PYTHONSAFEPATH": "1",  # files of the project's folder shadow none of its libraries
}


def own_engine(python: Path, options: tuple[str, ...]) -> Engine:
    """What will answer. Raises InputError where that is no Python with vLLM."""
    try:
        asked = subprocess.run(
            [python, "-c", ASK_VERSION],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
        )
    except OSError as error:
        raise unfit(f"{python} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise unfit(f"{python} did not tell its version of vLLM in {ASK_SECONDS} s") from None
    if asked.returncode:
        _, _, last = asked.stderr.strip().rpartition("\n")
        way = f"`{python} -m pip install vllm` brings it"
        raise unfit(f"{python} has no vLLM: {way} ({one_line(last)})")
    version = one_line(asked.stdout)
    return Engine(name=VllmReplica.engine_name, version=version, model=None, options=options)


def environment() -> dict[str, str]:
    return users_environment() | ENVIRONMENT


def unfit(problem: str) -> InputError:
    return InputError(problem, file=PARAMS, field=FIELD)


class OwnVllm:
    """A vLLM of our own, at most one for a process: a second one would find the GPU's
    memory taken.
    """

    running: "OwnVllm | None" = None

    def __init__(self, command: Sequence[str]) -> None:
        """`command`: without its address."""
        self.command = command
        self.key = secrets.token_hex()  # others of this machine are not to use it
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/v1"
        self.server = StartedServer(
            [*command, "--host=127.0.0.1", f"--port={port}"],
            environment() | {"VLLM_API_KEY": self.key},
        )

    @classmethod
    def of(cls, command: Sequence[str]) -> "OwnVllm":
        """The one that runs, if it was started so; else a new one in its place."""
        now = cls.running
        if now is None or now.command != command or not now.server.runs():
            cls.end()
            print("starting vLLM, which takes a minute or more", file=sys.stderr, flush=True)
            cls.running = now = cls(command)
            if (kept := KEPT.get()) is not None:
                kept.callback(cls.end)
        return now

    @classmethod
    def end(cls) -> None:
        if cls.running is not None:
            cls.running.server.stop()
            cls.running = None


atexit.register(OwnVllm.end)


async def own_replica(
    python: Path, options: tuple[str, ...], base: Path, precision: Precision, timeout: float
) -> VllmReplica:
    """A server of this process that holds a base, when it is ready. Raises IncumbentError where it
    does not start.
    """
    program = [str(python), "-m", MODULE]
    held = [f"--model={base}", f"--served-model-name={base.name}", "--generation-config=vllm"]
    vllm = OwnVllm.of([*program, *OPTIONS, f"--dtype={precision}", *options, *held])
    replica = VllmReplica(vllm.url, key=vllm.key, timeout=timeout)
    try:
        await vllm.server.ready(replica, START_SECONDS)
        if (await replica.names()).base != base.name:  # what listens there took the port before
            raise BackendError(UNREACHABLE, f"{vllm.url} is another server: run it again")
    except BaseException:
        await replica.close()
        OwnVllm.end()
        raise
    return replica


# --- started server -------------------------------------------------------------------------------

# A server that is started here, on the loopback address, and ends with this process.

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
    text = os.pread(log, 4096, max(0, size - 4096)).decode(errors="replace")
    lines = ["".join(c for c in line if c.isprintable()) for line in text.splitlines()]
    return "\n".join(lines[-8:])
