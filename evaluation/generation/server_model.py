"""A contestant on a server: eval items are asked as users will ask, many at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer
from evaluation.generation.backends.backend import (
    UNREACHABLE,
    Backend,
    BackendError,
    Body,
    Endpoint,
)
from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.data import Message, Row
from project.system_prompt import under

T = TypeVar("T")
Tokens = list[int]
BAD_REQUEST = 400
BUSY = (429, 500, 502, UNREACHABLE, 504)  # what may pass
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before another try
SEED_DIGITS = 7  # of hexadecimal: servers take seeds of 31 bits and more
# Engines take their sampling settings from the base's generation_config.json where a request names
# none, and those that come with a model are left aside.
PLAIN = {"top_p": 1}
PLAIN_ENGINE = {"top_k": -1, "min_p": 0, "repetition_penalty": 1}  # vLLM's and SGLang's own


class Reader(Protocol):
    """A backend that reads texts as its models do."""

    async def tokens(
        self, model: str, messages: tuple[Message, ...], *, to_answer: bool
    ) -> Tokens: ...

    async def logprobs(self, model: str, tokens: Tokens, behind: int) -> list[float]: ...


@dataclass
class ServerModel:
    """The model `name` of a backend, under a system prompt or none."""

    backend: Backend
    name: str
    decoding: Decoding
    runner: asyncio.Runner  # of the event loop to which the backend belongs
    system_prompt: str | None = None
    concurrency: int = 16
    plain: Body = field(default_factory=dict)  # sampling settings beside those of OpenAI's API
    reader: Reader | None = None  # the backend once more, where it can
    ends: Collection[int] = ()  # end tokens, for the reader
    # Of each row: the tokens of its prompt and completion, and how many are the prompt's.
    read: dict[str, tuple[Tokens, int]] = field(default_factory=dict)

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        """Yield answers as they end. Raises IncumbentError where the server gives none."""
        asked = deque((row, sample) for row in rows for sample in range(samples))
        running: set[asyncio.Task[Answer]] = set()
        done: set[asyncio.Task[Answer]] = set()
        try:
            while asked or running:
                while asked and len(running) < self.concurrency:
                    running.add(self.runner.get_loop().create_task(self.ask(*asked.popleft())))
                done, running = self.runner.run(first_of(running))
                for task in done:
                    yield task.result()
        finally:
            self.runner.run(cancelled(running | done))

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        """Of each row's completion: the mean log-probability of a token, in nats, the end token
        included. None where the server cannot say it, or its template does not put the completion
        behind the prompt as it stands.
        """
        if self.reader is None:
            return [None] * len(rows)
        return self.runner.run(self.means(rows))

    # --- one level down -------------------------------------------------------------------------

    async def ask(self, row: Row, sample: int) -> Answer:
        reference = await self.tokens_of(row) if self.reader else None
        answer = await self.kept_at(
            row, lambda: self.backend.answer(Endpoint.CHAT, self.body(row, sample))
        )
        try:
            usage = answer["usage"]
            return Answer(
                item=row.id,
                text=whole(answer["choices"][0]["message"]["content"] or "").strip(),
                tokens=usage["completion_tokens"],
                prompt_tokens=usage["prompt_tokens"],
                reference_tokens=(len(reference[0]) - reference[1] or None) if reference else None,
                sample=sample,
            )
        except (LookupError, TypeError, AttributeError, ValueError):
            raise IncumbentError(
                f"{self.backend.replica} answers {row} with no chat completion, or without `usage`"
            ) from None

    def body(self, row: Row, sample: int) -> dict[str, Any]:
        """A row's request. Its draws hang on what is asked and on nothing else."""
        sampled = {}
        if self.decoding.temperature:
            said = f"{self.decoding.seed} {sample} {row.prompt_text}"
            sampled = {"seed": int(digest_bytes(said.encode())[:SEED_DIGITS], 16)}
        return {
            "model": self.name,
            "messages": [m.model_dump() for m in under(self.system_prompt, row.prompt)],
            "max_tokens": self.decoding.max_new_tokens,
            "temperature": self.decoding.temperature,
            **PLAIN,
            **self.plain,
            **sampled,
        }

    async def kept_at(self, row: Row, ask: Callable[[], Awaitable[T]]) -> T:
        """Asked again where the server is busy. Raises IncumbentError where that does not help."""
        for pause in (*PAUSES, None):
            try:
                return await ask()
            except BackendError as error:
                if error.status not in BUSY or pause is None:
                    raise IncumbentError(
                        f"{row}: {self.backend.replica} refused with status {error.status}: "
                        f"{error}; what was answered is kept: run it again"
                    ) from None
                await asyncio.sleep(pause)
        raise AssertionError("unreachable")

    async def means(self, rows: Sequence[Row]) -> list[float | None]:
        """One after the other: vLLM 0.32 on a processor, with LoRA on, dies of the
        log-probabilities of a prompt that shares a batch with another one.
        """
        return [await self.mean(row) for row in rows]

    async def mean(self, row: Row) -> float | None:
        tokens, behind = await self.tokens_of(row)
        if len(tokens) == behind:
            return None
        found = await self.kept_at(row, lambda: self.logprobs(tokens, behind))
        return sum(found) / len(found) if found else None

    async def logprobs(self, tokens: Tokens, behind: int) -> list[float]:
        """None of a text that the server refuses: it is longer than the model's context."""
        assert self.reader is not None
        try:
            return await self.reader.logprobs(self.name, tokens, behind)
        except BackendError as error:
            if error.status != BAD_REQUEST:
                raise
            return []

    async def tokens_of(self, row: Row) -> tuple[Tokens, int]:
        """A row's prompt and completion up to its last end token, and how many are the prompt's;
        the prompt alone where the completion does not follow it as it stands.
        """
        if row.id not in self.read:
            prompt = await self.tokenized(row, row.prompt, to_answer=True)
            both = await self.tokenized(row, (*row.prompt, *row.completion), to_answer=False)
            ends = [
                i + 1 for i, token in enumerate(both) if token in self.ends and i >= len(prompt)
            ]
            both = both[: ends[-1]] if ends else both
            follows = both[: len(prompt)] == prompt
            self.read[row.id] = (both if follows else prompt, len(prompt))
        return self.read[row.id]

    async def tokenized(self, row: Row, messages: Sequence[Message], *, to_answer: bool) -> Tokens:
        reader, turns = self.reader, under(self.system_prompt, messages)
        assert reader is not None
        return await self.kept_at(row, lambda: reader.tokens(self.name, turns, to_answer=to_answer))


async def first_of(
    tasks: set[asyncio.Task[T]],
) -> tuple[set[asyncio.Task[T]], set[asyncio.Task[T]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def cancelled(tasks: Collection[asyncio.Task[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def whole(text: str) -> str:
    """Without half a character, which JSON may hold."""
    return text.encode("utf-8", "replace").decode()
