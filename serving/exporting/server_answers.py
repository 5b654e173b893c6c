"""Answers of an exported version's server, compared with ours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import SEED, Answer
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
from evaluation.generation.backends.openai_server import key_in
from evaluation.generation.backends.own_llama import (
    ENGINE,
    PLAIN,
    options,
    running,
    version_of,
)
from project.chat_template import under
from project.errors import IncumbentError, InputError
from project.files import home
from project.progress import Bar, progress
from project.records.adapters import ModelPin
from project.records.data import Row
from project.tool_rendering import in_request
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
    plain: Body | None = None,
) -> list[Answer]:
    """Each row's answers, in the order of rows. Raises BackendError, and IncumbentError for an
    answer without a text. `plain`: settings that an engine has beside those of OpenAI's API.
    """
    with progress("answering again", decoding.samples * len(rows), "answers") as bar:

        async def ask(asked: tuple[Row, int]) -> Answer:
            body = {**(plain or {}), **question(model, *asked, decoding, system_prompt)}
            return answered(*asked, await backend.answer(Endpoint.CHAT, body), bar)

        asked = [(row, sample) for row in rows for sample in range(decoding.samples)]
        return await ask_together(ask, asked, concurrency)


def question(
    model: str, row: Row, sample: int, decoding: Decoding, system_prompt: str | None
) -> dict[str, Any]:
    """Everything is named: an engine's own defaults are another engine's surprise."""
    told = in_request(under(system_prompt, row.prompt), row.tools, natively=False)
    drawn = {"seed": SEED + sample, "top_p": 1.0} if decoding.temperature else {}
    return {
        "model": model,
        **told,
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


async def by_llama_cpp(
    question: RescoringRequest, command: Sequence[str], model: Path, longest: int, together: int
) -> FormAnswers:
    """`longest`: tokens of the longest prompt with its answer; `together`: answers at a time."""
    name = question.version.label.replace(" ", "-")
    async with running(command, options(model, name, together, longest)) as server:
        answers = await server_answers(
            server, name, question.rows, question.decoding, concurrency=together, plain=PLAIN
        )
        engine = Engine(name=ENGINE, version=version_of(command), model=model.name)
        return FormAnswers(answers, engine)


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
