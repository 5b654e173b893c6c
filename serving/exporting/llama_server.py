"""llama.cpp's server, started on a GGUF file for as long as it is asked."""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

from evaluation.generation.backends.backend import Engine
from evaluation.generation.backends.openai_server import OpenAIServer
from evaluation.generation.backends.started_server import StartedServer, free_port
from project.errors import InputError
from serving.exporting.engines import Answered, Question
from serving.exporting.server_answers import server_answers

OF_THE_PACKAGE = "serving.exporting.xllamacpp_server"
PROGRAM, VARIABLE = "llama-server", "LLAMA_SERVER"
START_SECONDS = 300.0  # until a large model is read
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
    server = OpenAIServer(f"http://127.0.0.1:{port}/v1", timeout=ANSWER_SECONDS)
    started = StartedServer([*command, *options(model, name, longest, port)])
    try:
        await started.ready(server, START_SECONDS)
        yield server
    finally:
        await server.close()
        started.stop()


def options(model: Path, name: str, longest: int, port: int) -> list[str]:
    """Every answer has room for the longest."""
    room = ["--ctx-size", str(SIDE_BY_SIDE * longest), "--parallel", str(SIDE_BY_SIDE)]
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return ["--model", str(model), "--alias", name, "--jinja", *room, *where]


async def engine_of(server: OpenAIServer, command: Sequence[str], model: Path) -> Engine:
    """A build out of the package does not know its own number, the package does."""
    build = (await server.get(f"{server.root}/props")).get("build_info")
    if OF_THE_PACKAGE in command:
        build = f"xllamacpp {installed('xllamacpp')}"
    return Engine(name="llama.cpp", version=str(build) if build else None, model=model.name)
