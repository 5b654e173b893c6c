"""The two that are compared, what both answer, and the engine that answers or answered."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.evaluation_settings import GenerationParams
from evaluation.generation.answers import Answer, Role, answers_of
from evaluation.generation.backends.backend import KEPT, Backend, BackendError
from project.engine.engine_settings import kept_in_block
from project.errors import IncumbentError, InputError
from project.files import home
from project.paths import ADAPTER, ANSWERS, CHAMPION, NUMERICS, rows_of
from project.records.adapters import Adapter, Contestant, Engine, Numerics, Opponent
from project.records.data import Row, Split
from project.records.record import Digest
from project.settings import load

if TYPE_CHECKING:
    from evaluation.generation.backends.adapter_servers import AdapterServer


def both_contestants() -> tuple[Contestant, Contestant]:
    """Champion and challenger; without a champion the bare base is in its place."""
    opponent = Opponent.read(CHAMPION)
    if opponent.contestant is None:
        raise InputError("does not say what answers: run `dvc repro`", file=CHAMPION)
    return opponent.contestant, Adapter.read(ADAPTER).contestant


def dev_items() -> tuple[Row, ...]:
    """The dev items that stage `generate` had both answer."""
    there = {answer.item for answer in Answer.read_lines(answers_of(Role.CHAMPION, Split.DEV))}
    return tuple(row for row in Row.read_lines(rows_of(Split.DEV)) if row.id in there)


def left_out(part: Split, items: Sequence[Row]) -> dict[str, int]:
    """How many items of an eval set are left out, for the evidence; nothing where none is."""
    fewer = len(Row.read_lines(rows_of(part))) - len(items)
    return {part: fewer} if fewer else {}


# --- recorded engine ------------------------------------------------------------------------------

# Which engine gave the answers that stage `generate` left.

ENGINE = "engine.json"  # beside the answers of a server; there is none where this process answered
CONVERSATIONS = "conversations.txt"  # beside the answers, where the settings say how these go


def recorded_numerics() -> Numerics:
    """What these answers were made in, and what is to be compared with them has to be."""
    path = ANSWERS / ENGINE
    engine = Engine.read(path) if path.exists() else None
    return Numerics.read(NUMERICS).model_copy(update={"engine": engine})


def recorded_conversations() -> Digest | None:
    """Of what the settings said of how conversations go; None where they said nothing."""
    path = ANSWERS / CONVERSATIONS
    return path.read_text() if path.exists() else None


def record_engine(numerics: Numerics, folder: Path) -> None:
    if numerics.engine is not None:
        numerics.engine.write(folder / ENGINE)


# --- answering engine -----------------------------------------------------------------------------

# Which engine answers eval items: transformers in this process, or a server that runs, or ours.

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
