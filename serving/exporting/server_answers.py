"""Dev items answered by a server: all at once, as many at a time as is asked for."""

import asyncio
from collections.abc import Sequence
from typing import Any

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer
from evaluation.generation.backends.backend import Backend, Body, Endpoint
from project.errors import IncumbentError
from project.progress import Bar, progress
from project.records.data import Row
from project.system_prompt import under


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
    free = asyncio.Semaphore(concurrency)
    with progress("answering again", decoding.samples * len(rows), "answers") as bar:

        async def ask(row: Row, sample: int) -> Answer:
            async with free:
                body = question(model, row, sample, decoding, system_prompt)
                return answered(row, sample, await backend.answer(Endpoint.CHAT, body), bar)

        asked = [(row, sample) for row in rows for sample in range(decoding.samples)]
        try:
            async with asyncio.TaskGroup() as group:  # the first that fails ends the others
                tasks = [group.create_task(ask(row, sample)) for row, sample in asked]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


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
        text = body["choices"][0]["message"]["content"]
        usage = body.get("usage") or {}
        answer = Answer(
            item=row.id,
            text=(text or "").strip(),
            tokens=usage.get("completion_tokens", 0),
            prompt_tokens=usage.get("prompt_tokens", 0),
            sample=sample,
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        problem = f"the server's answer to item {row.id!r} is no chat completion"
        raise IncumbentError(f"{problem} ({type(error).__name__})") from None
    bar.advance()
    return answer
