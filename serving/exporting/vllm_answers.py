"""Dev items answered by a vLLM server that holds the version's base."""

from collections.abc import Sequence

from evaluation.generation.backends.backend import UNREACHABLE, Backend, BackendError
from evaluation.generation.backends.openai_server import key_in
from evaluation.generation.backends.vllm import VllmReplica
from project.errors import InputError
from project.files import home
from project.records.adapters import ModelPin
from registry.artifacts.artifact_store import Artifacts
from serving.deploying.adapter_folders import check_out
from serving.deploying.pools import fits
from serving.deployment import deployment_of
from serving.exporting.engines import Answered, Question
from serving.exporting.server_answers import server_answers
from serving.serving_settings import PoolParams, ServingParams

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


def replicas_of(params: ServingParams, pool: PoolParams) -> list[Backend]:
    """Ready to be asked, from within an event loop. Raises InputError where a key is missing."""
    key = key_in(params.key_variable, "serving.key_variable")
    seen = (home() / "adapters", pool.adapters) if pool.adapters else None
    seconds = params.timeout_seconds
    return [VllmReplica(url, key=key, timeout=seconds, adapters=seen) for url in pool.replicas]


async def by_replicas(
    question: Question, artifacts: Artifacts, params: ServingParams, pool: PoolParams
) -> Answered:
    replicas = replicas_of(params, pool)
    try:
        return await by_vllm(question, artifacts, replicas)
    finally:
        for replica in replicas:
            await replica.close()


async def by_vllm(
    question: Question, artifacts: Artifacts, replicas: Sequence[Backend]
) -> Answered:
    """By the first replica that can be reached. What it did not hold before is taken away again."""
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
        return Answered(answers, await replica.engine())
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
