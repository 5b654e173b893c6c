"""llama.cpp's server, started on a GGUF file for as long as it is asked."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

from evaluation.generation.backends.backend import BackendError, Engine
from evaluation.generation.backends.openai_server import OpenAIServer
from project.errors import IncumbentError, InputError
from serving.exporting.engines import Answered, Question
from serving.exporting.server_answers import server_answers

OF_THE_PACKAGE = "serving.exporting.xllamacpp_server"
PROGRAM, VARIABLE = "llama-server", "LLAMA_SERVER"
START_SECONDS = 300.0  # until a large model is read
LOOK_SECONDS = 0.1
STOP_SECONDS = 10.0
SIDE_BY_SIDE = 4
ANSWER_SECONDS = 600.0


def find_server() -> list[str]:
    """The command of llama.cpp's server: $LLAMA_SERVER, the one on PATH, or the package xllamacpp.
    Raises InputError where there is none.
    """
    if named := os.environ.get(VARIABLE):
        if shutil.which(named) is None:
            raise InputError(f"${VARIABLE} is no program: {named}")
        return [named]
    if found := shutil.which(PROGRAM):
        return [found]
    if find_spec("xllamacpp"):
        return [sys.executable, "-m", OF_THE_PACKAGE]
    raise InputError(
        f"an export for llama.cpp is scored again by its server, and there is no {PROGRAM} on "
        f"PATH: install llama.cpp, or `pip install xllamacpp`, or set ${VARIABLE}; a merged folder "
        "(--for merged) needs none"
    )


async def by_llama_cpp(
    question: Question, command: Sequence[str], model: Path, longest: int
) -> Answered:
    """`longest`: tokens of the longest prompt with its answer."""
    name = question.version.label.replace(" ", "-")
    async with running(command, model, name, longest) as server:
        answers = await server_answers(
            server, name, question.rows, question.decoding, concurrency=SIDE_BY_SIDE
        )
        return Answered(answers, await engine_of(server, command, model))


@asynccontextmanager
async def running(
    command: Sequence[str], model: Path, name: str, longest: int
) -> AsyncIterator[OpenAIServer]:
    """A server on this machine alone; it ends with the block."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, *options(model, name, longest, port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        server = OpenAIServer(f"http://127.0.0.1:{port}/v1", timeout=ANSWER_SECONDS)
        try:
            if not await ready(server, process):
                raise IncumbentError(f"{command[0]} did not start:\n{last_lines(log.fileno())}")
            yield server
        finally:
            await server.close()
            stop(process)


def options(model: Path, name: str, longest: int, port: int) -> list[str]:
    """Every answer has room for the longest."""
    room = ["--ctx-size", str(SIDE_BY_SIDE * longest), "--parallel", str(SIDE_BY_SIDE)]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return ["--model", str(model), "--alias", name, "--jinja", *room, *where]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def ready(server: OpenAIServer, process: subprocess.Popen[bytes]) -> bool:
    """Whether it came up; it answers 503 while it reads the model."""
    for _ in range(int(START_SECONDS / LOOK_SECONDS)):
        if process.poll() is not None:
            return False
        try:
            await server.get(f"{server.root}/health")
        except BackendError:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            return True
    return False


async def engine_of(server: OpenAIServer, command: Sequence[str], model: Path) -> Engine:
    """A build out of the package does not know its own number, the package does."""
    build = (await server.get(f"{server.root}/props")).get("build_info")
    if OF_THE_PACKAGE in command:
        build = f"xllamacpp {installed('xllamacpp')}"
    return Engine(name="llama.cpp", version=str(build) if build else None, model=model.name)


def last_lines(log: int) -> str:
    """What it said last, without what a terminal would take for orders."""
    size = os.fstat(log).st_size
    said = os.pread(log, 4096, max(0, size - 4096)).decode(errors="replace")
    lines = ["".join(c for c in line if c.isprintable()) for line in said.splitlines()]
    return "\n".join(lines[-8:])


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
