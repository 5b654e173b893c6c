"""Answers of an exported version's server, compared with ours."""

import os
import shutil
import signal
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer
from evaluation.generation.backends.adapter_servers import VllmReplica
from evaluation.generation.backends.backend import (
    UNREACHABLE,
    Backend,
    BackendError,
    Body,
    Endpoint,
    Engine,
    NoCompletionError,
    TokenCounts,
    counts_of,
    reply_of,
)
from evaluation.generation.backends.chat_server import ask_together
from evaluation.generation.backends.openai_server import OpenAIServer, key_in
from evaluation.generation.backends.own_vllm import StartedServer, free_port
from project.chat_template import under
from project.errors import IncumbentError, InputError
from project.files import home
from project.progress import Bar, progress
from project.records.adapters import ModelPin
from project.records.data import Row
from registry.storage.artifact_store import Artifacts
from serving.deploying.pools import check_out, fits
from serving.exchange import deployment_of
from serving.exporting.start_scripts import FormAnswers, RescoringRequest
from serving.serving_settings import PoolParams, ServingParams

# --- server answers -------------------------------------------------------------------------------

# Dev items answered by a server: all at once, as many at a time as is asked for.


async def server_answers(
    backend: Backend,
    model: str,
    rows: Sequence[Row],
    decoding: Decoding,
    system_prompt: str | None = None,
    concurrency: int = 4,
) -> list[Answer]:
    """Each row's answers, in the order of rows. Raises BackendError, and IncumbentError for an
    answer without a text.
    """
    with progress("answering again", decoding.samples * len(rows), "answers") as bar:

        async def ask(asked: tuple[Row, int]) -> Answer:
            body = question(model, *asked, decoding, system_prompt)
            return answered(*asked, await backend.answer(Endpoint.CHAT, body), bar)

        asked = [(row, sample) for row in rows for sample in range(decoding.samples)]
        return await ask_together(ask, asked, concurrency)


def question(
    model: str, row: Row, sample: int, decoding: Decoding, system_prompt: str | None
) -> dict[str, Any]:
    """Everything is named: an engine's own defaults are another engine's surprise."""
    messages = [message.model_dump() for message in under(system_prompt, row.prompt)]
    drawn = {"seed": decoding.seed + sample, "top_p": 1.0} if decoding.temperature else {}
    return {
        "model": model,
        "messages": messages,
        "temperature": decoding.temperature,
        "max_tokens": decoding.max_new_tokens,
        **drawn,
    }


def answered(row: Row, sample: int, body: Body, bar: Bar) -> Answer:
    try:
        reply = reply_of(body)
    except NoCompletionError as error:
        problem = f"the server's answer to item {row.id!r} is no chat completion"
        raise IncumbentError(f"{problem} ({error})") from None
    bar.advance()
    counts = counts_of(body) or TokenCounts(0, 0)
    return Answer(
        item=row.id,
        text=reply.text.strip(),
        tokens=counts.answer,
        prompt_tokens=counts.prompt,
        sample=sample,
    )


# --- llama server ---------------------------------------------------------------------------------

# llama.cpp's server, started on a GGUF file for as long as it is asked.

OF_THE_PACKAGE = "serving.exporting.server_answers"
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
    question: RescoringRequest, command: Sequence[str], model: Path, longest: int
) -> FormAnswers:
    """`longest`: tokens of the longest prompt with its answer."""
    name = question.version.label.replace(" ", "-")
    async with running(command, model, name, longest) as server:
        answers = await server_answers(
            server, name, question.rows, question.decoding, concurrency=SIDE_BY_SIDE
        )
        return FormAnswers(answers, await engine_of(server, command, model))


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


# --- vllm answers ---------------------------------------------------------------------------------

# Dev items answered by a vLLM server that holds the version's base.

CONCURRENCY = 16


def pool_of(params: ServingParams, base: ModelPin) -> PoolParams:
    """The replicas that answer for a base. Raises InputError where the settings name none."""
    if params.backend == "vllm":
        for pool in params.pools:
            if fits(pool.base, base):
                return pool
    raise InputError(
        f"names no vLLM server with {base}, and an export for vLLM is scored again by one: start "
        "it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, then set backend: vllm "
        f"and pools: [{{base: {base.model}, replicas: [http://127.0.0.1:8000/v1]}}]; or export "
        "--for peft, whose folder vLLM loads too",
        file="params.yaml",
        field="serving",
    )


async def by_replicas(
    question: RescoringRequest, artifacts: Artifacts, params: ServingParams, pool: PoolParams
) -> FormAnswers:
    key = key_in(params.key_variable, "serving.key_variable")
    seen = (home() / "adapters", pool.adapters) if pool.adapters else None
    seconds = params.timeout_seconds
    replicas = [VllmReplica(url, key=key, timeout=seconds, adapters=seen) for url in pool.replicas]
    try:
        return await by_vllm(question, artifacts, replicas)
    finally:
        for replica in replicas:
            await replica.close()


async def by_vllm(
    question: RescoringRequest, artifacts: Artifacts, replicas: Sequence[Backend]
) -> FormAnswers:
    """The answers of the first replica that can be reached. What it did not hold before is taken
    away again.
    """
    replica = await first_reachable(replicas)
    name = deployment_of(question.version).name
    before = await replica.names()
    if name not in before.adapters:
        await replica.load(name, check_out(artifacts, question.version.adapter.files))
    try:
        system_prompt = question.version.adapter.system_prompt
        answers = await server_answers(
            replica, name, question.rows, question.decoding, system_prompt, CONCURRENCY
        )
        return FormAnswers(answers, await replica.engine())
    finally:
        if name not in before.adapters:
            await replica.unload(name)


async def first_reachable(replicas: Sequence[Backend]) -> Backend:
    """Raises the last one's BackendError where none can be reached."""
    for at, replica in enumerate(replicas):
        try:
            await replica.names()
        except BackendError:
            if at == len(replicas) - 1:
                raise
        else:
            return replica
    raise BackendError(UNREACHABLE, "there are no replicas")


# --- xllamacpp server -----------------------------------------------------------------------------

# llama.cpp's server out of the package xllamacpp, with the options of `llama-server` that we use.
#
# The package brings the server as a library, ready built: no compiler is needed.


def main() -> None:
    parser = ArgumentParser(prog="llama-server")
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", default="model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--ctx-size", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--jinja", action="store_true")
    parser.add_argument("--predict", type=int, default=-1)
    parser.add_argument("--temp", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=40)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--min-p", type=float, default=0.05)
    asked = parser.parse_args()
    xllamacpp: Any = import_module("xllamacpp")  # compiled, without types
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = asked.model, {asked.alias}
    params.hostnames, params.port = [asked.host], asked.port
    params.n_ctx, params.n_parallel = asked.ctx_size, asked.parallel
    params.use_jinja, params.n_predict = asked.jinja, asked.predict
    params.sampling.temp, params.sampling.top_k = asked.temp, asked.top_k
    params.sampling.top_p, params.sampling.min_p = asked.top_p, asked.min_p
    if threads := os.environ.get("LLAMA_ARG_THREADS"):  # as llama-server reads it
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    ended = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ended)  # before its threads begin
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait(ended)


if __name__ == "__main__":
    main()
