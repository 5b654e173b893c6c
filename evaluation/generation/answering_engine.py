"""Which engine answers eval items: transformers in this process, or a server that runs, or ours."""

import asyncio
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.evaluation_settings import GenerationParams
from evaluation.generation.backends.backend import KEPT, Backend, BackendError, Engine
from project.engine.engine_settings import kept_in_block
from project.errors import IncumbentError
from project.files import home
from project.paths import NUMERICS
from project.records.adapters import Numerics
from project.settings import load

if TYPE_CHECKING:
    from evaluation.generation.backends.adapter_servers import AdapterServer

SECTION = "evaluation.generation"
ANSWER_SECONDS = 120.0  # for one answer: a server that hangs is told from one that is slow


def server_kept() -> AbstractContextManager[None]:
    """Let a vLLM that the block comes to start answer for all in it, and end with it. Elsewhere one
    ends when those that asked it have their answers, for it holds most of a GPU's memory.
    """
    return kept_in_block(KEPT)


def answering_numerics() -> Numerics:
    """What the next answers are made in. A server is asked what it is: raises IncumbentError where
    it does not answer.
    """
    params = load(GenerationParams)
    engine = None if params.backend == "embedded" else chosen_engine(params)
    return Numerics.read(NUMERICS).model_copy(update={"engine": engine})


def chosen_engine(params: GenerationParams) -> Engine:
    if params.backend == "llama.cpp":
        from evaluation.generation.backends import own_llama  # as in `backend_of`

        return own_llama.own_engine()
    if params.vllm_python is None:
        return asyncio.run(asked_engine(params))
    from evaluation.generation.backends.own_vllm import own_engine  # as in `backend_of`

    return own_engine(params.vllm_python, params.vllm_options)


async def asked_engine(params: GenerationParams) -> Engine:
    backend = backend_of(params)
    try:
        return await backend.engine()
    except BackendError as error:
        raise IncumbentError(f"{error}; check {SECTION}.url") from None
    finally:
        await backend.close()


def backend_of(params: GenerationParams) -> Backend:
    """The server that the settings name. Raises InputError for a key that is not set."""
    # Imported here because the core, which lacks an HTTP client, imports this module.
    from evaluation.generation.backends.openai_server import OpenAIServer, key_in

    assert params.url is not None  # the settings see to it
    key = key_in(params.key_variable, f"{SECTION}.key_variable")
    if params.backend == "openai":
        return OpenAIServer(params.url, key=key, timeout=ANSWER_SECONDS)
    seen = (adapters_here(), params.adapters) if params.adapters else None
    server = adapter_server(params.backend)
    return server(params.url, key=key, timeout=ANSWER_SECONDS, adapters=seen)


def adapter_server(name: str) -> "type[AdapterServer]":
    from evaluation.generation.backends.adapter_servers import (  # as above
        SGLangReplica,
        VllmReplica,
    )

    return {"vllm": VllmReplica, "sglang": SGLangReplica}[name]


def adapters_here() -> Path:
    """The folder that holds adapters by their digests, each for ever the same."""
    return home() / "adapters"
