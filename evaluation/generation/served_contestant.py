"""A contestant as a server holds it: its adapter is loaded before it answers, and let go after."""

import asyncio
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from evaluation.evaluation_settings import Decoding, GenerationParams
from evaluation.generation.answering_engine import (
    ANSWER_SECONDS,
    SECTION,
    adapters_here,
    backend_of,
)
from evaluation.generation.answers import SEED, Answer, TooLongError, reads_tools
from evaluation.generation.backends.backend import (
    KEPT,
    LONGEST_WAIT,
    TOO_LONG,
    UNREACHABLE,
    Backend,
    BackendError,
    Body,
    Endpoint,
    Engine,
    NoCompletionError,
    counts_of,
    reply_of,
)
from project.canonical import digest_bytes, digest_folder
from project.chat_template import under
from project.errors import IncumbentError, InputError
from project.files import staged_folder
from project.model_pins import end_tokens, folder_here, pinned_folder
from project.paths import BASE
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Message, Row
from project.records.record import short
from project.tool_rendering import in_request, of_tools

if TYPE_CHECKING:
    from evaluation.generation.constraints import GrammarMaker

# --- server model ---------------------------------------------------------------------------------

# A contestant on a server: eval items are asked as users will ask, many at a time.

T = TypeVar("T")
Tokens = list[int]
BAD_REQUEST = 400
BUSY = (429, 500, 502, UNREACHABLE, 504)  # what may pass
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before another try, unless the server asks for more
SEED_DIGITS = 7  # of hexadecimal: servers take seeds of 31 bits and more
# Engines take their sampling settings from the base's generation_config.json where a request names
# none, and those that come with a model are left aside.
PLAIN = {"top_p": 1}
PLAIN_ENGINE = {"top_k": -1, "min_p": 0, "repetition_penalty": 1}  # vLLM's and SGLang's own


class Reader(Protocol):
    """A backend that reads texts as its models do."""

    async def tokens(self, model: str, told: Body, *, to_answer: bool) -> Tokens: ...

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
    base: Path | None = None  # where it lies here: how its chat template shows tools
    grammars: "GrammarMaker | None" = None  # of vLLM, where answers are held to their tools
    # Of each row: the tokens of its prompt and completion, and how many are the prompt's.
    read: dict[str, tuple[Tokens, int]] = field(default_factory=dict)

    def answer(self, rows: Sequence[Row], samples: int = 1, first: int = 0) -> Iterator[Answer]:
        """Yield answers as they end. Raises IncumbentError where the server gives none."""
        asked = deque((row, first + number) for row in rows for number in range(samples))
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

    # --- one request ----------------------------------------------------------------------------

    async def ask(self, row: Row, sample: int) -> Answer:
        reference = await self.tokens_of(row) if self.reader else None
        answer = await self.kept_at(
            row, lambda: self.backend.answer(Endpoint.CHAT, self.body(row, sample))
        )
        try:
            reply, counts = reply_of(answer), counts_of(answer)
        except NoCompletionError:
            counts = None
        if counts is None:
            raise IncumbentError(
                f"{self.backend.replica} answers {row} with no chat completion, or without `usage`"
            )
        return Answer(
            item=row.id,
            text=reply.text.strip(),
            tokens=counts.answer,
            prompt_tokens=counts.prompt,
            reference_tokens=(len(reference[0]) - reference[1] or None) if reference else None,
            sample=sample,
        )

    def body(self, row: Row, sample: int) -> dict[str, Any]:
        """A row's request. Its draws hang on what is asked and on nothing else."""
        sampled = {}
        if self.decoding.temperature:
            key = f"{SEED} {sample} {row.prompt_text}"
            sampled = {"seed": int(digest_bytes(key.encode())[:SEED_DIGITS], 16)}
        return {
            "model": self.name,
            **self.shown(row, row.prompt),
            "max_tokens": self.decoding.max_new_tokens,
            "temperature": self.decoding.temperature,
            **PLAIN,
            **self.plain,
            **sampled,
            **(self.grammars.fields_of_tools(row.tools, str(row)) if self.grammars else {}),
        }

    async def kept_at(self, row: Row, ask: Callable[[], Awaitable[T]]) -> T:
        """Asked again where the server is busy. Raises IncumbentError where that does not help."""
        for pause in (*PAUSES, None):
            try:
                return await ask()
            except BackendError as error:
                if error.status == BAD_REQUEST and TOO_LONG.search(str(error)):
                    problem = f"{row}: {self.backend.replica} does not read a prompt of its length"
                    raise TooLongError(row.id, problem) from None
                if error.status not in BUSY or pause is None:
                    raise IncumbentError(
                        f"{row}: {self.backend.replica} refused with status {error.status}: "
                        f"{error}; what was answered is kept: run it again"
                    ) from None
                await asyncio.sleep(max(pause, min(error.wait, LONGEST_WAIT)))
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
        logprobs = await self.kept_at(row, lambda: self.logprobs(tokens, behind))
        return sum(logprobs) / len(logprobs) if logprobs else None

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
        reader, shown = self.reader, self.shown(row, messages)
        assert reader is not None
        return await self.kept_at(row, lambda: reader.tokens(self.name, shown, to_answer=to_answer))

    def shown(self, row: Row, messages: Sequence[Message]) -> Body:
        """Messages of a row, as a request has them. Raises InputError for tools that the server
        would not show as the base was trained to read them.
        """
        turns, base = under(self.system_prompt, messages), self.base
        natively = of_tools(turns, row.tools) and base is not None and reads_tools(base)
        if natively and not self.plain:
            problem = f"does not show the tools of {row} as the base's chat template does"
            raise InputError(f"{problem}: choose embedded or vllm", field=f"{SECTION}.backend")
        return in_request(turns, row.tools, natively=natively)


async def first_of(
    tasks: set[asyncio.Task[T]],
) -> tuple[set[asyncio.Task[T]], set[asyncio.Task[T]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def cancelled(tasks: Collection[asyncio.Task[T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# --- served contestant ----------------------------------------------------------------------------

NAMED_BY_DIGEST = "adapter-"  # and the digest's first digits: no name is ever another adapter's


class ServedContestant:
    """`files` is its adapter's folder; None for the bare base."""

    def __init__(
        self,
        contestant: Contestant,
        files: Path | None,
        decoding: Decoding,
        numerics: Numerics,
        engine: Engine,
        params: GenerationParams,
    ) -> None:
        self.contestant = contestant
        self.files = files
        self.decoding = decoding
        self.numerics = numerics
        self.engine = engine
        self.params = params
        self.runner: asyncio.Runner | None = None
        self.backend: Backend | None = None
        self.loaded: str | None = None  # the adapter that is to be let go

    @property
    def model(self) -> str | None:
        """The name that the settings give it on a server of any kind; None on an engine, which
        loads adapters. Raises InputError where they give none.
        """
        if self.params.backend != "openai":
            return None
        name = short(self.contestant.lora) if self.contestant.lora else "base"
        if name not in self.params.models:
            raise InputError(
                f"has no model for {self.contestant}: add {name}: <a model of {self.params.url}>",
                field=f"{SECTION}.models",
            )
        return self.params.models[name]

    def load(self) -> ServerModel:
        """Ready to answer. Raises IncumbentError where the server is another than was asked what
        it is, or cannot load the adapter.
        """
        self.runner = asyncio.Runner()
        try:
            self.backend = backend = self.runner.run(self.server())
            name = self.runner.run(self.prepared(backend))
        except BackendError as error:
            server = self.backend.replica if self.backend else "a vLLM of its own"
            self.release()
            raise IncumbentError(f"{self.contestant} cannot answer by {server}: {error}") from None
        except BaseException:
            self.release()
            raise
        from evaluation.generation.backends.adapter_servers import VllmReplica  # as in `backend_of`

        folder = folder_here(self.contestant.base)
        grammars, ends = None, end_tokens(folder) if folder else []
        if self.decoding.constrained:
            from evaluation.generation.constraints import grammars_of

            grammars = grammars_of(pinned_folder(self.contestant.base, "base"))
        return ServerModel(
            backend=backend,
            name=name,
            decoding=self.decoding,
            runner=self.runner,
            system_prompt=self.contestant.system_prompt,
            concurrency=self.params.concurrency,
            plain=PLAIN_ENGINE if self.params.backend in ("vllm", "sglang") else {},
            reader=backend if isinstance(backend, VllmReplica) and ends else None,
            ends=ends,
            base=folder,
            grammars=grammars,
        )

    def release(self) -> None:
        """Let the adapter go, unless it was there before."""
        if self.runner is None:
            return
        try:
            if self.backend is not None:
                self.runner.run(self.let_go(self.backend))
        finally:
            self.runner.close()
            self.runner = self.backend = self.loaded = None
            if self.params.vllm_python and KEPT.get() is None:
                from evaluation.generation.backends.own_vllm import OwnVllm  # as in `backend_of`

                OwnVllm.end()

    # --- the server and what it holds -----------------------------------------------------------

    async def server(self) -> Backend:
        """One that runs; or one of this process', where the settings say how it is started."""
        python, options = self.params.vllm_python, self.params.vllm_options
        if python is None and self.params.backend != "llama.cpp":
            return backend_of(self.params)
        # Imported here because they bring an HTTP client, and torch.
        from evaluation.generation.answering_model import refuse_other_machine
        from evaluation.generation.backends.own_llama import LlamaReplica
        from evaluation.generation.backends.own_vllm import own_engine, own_replica

        refuse_other_machine(self.numerics)
        if python is None:
            return LlamaReplica(self.contestant.base, pinned_by=ModelPin.read(BASE))
        refuse_other_engine(own_engine(python, options), self.engine)
        return await own_replica(
            python,
            options,
            pinned_folder(self.contestant.base, "base"),
            self.numerics.precision,
            ANSWER_SECONDS,
        )

    async def prepared(self, backend: Backend) -> str:
        """The model's name on the server, with the adapter behind it."""
        if self.params.vllm_python is None:
            refuse_other_engine(await backend.engine(), self.engine)
        if self.model is not None:
            return self.model
        names = await backend.names()
        if self.contestant.lora is None:
            return names.base
        name = f"{NAMED_BY_DIGEST}{short(self.contestant.lora)}"
        if name not in names.adapters:
            self.loaded = name
            await backend.load(name, self.folder(self.contestant.lora))
        return name

    async def let_go(self, backend: Backend) -> None:
        try:
            if self.loaded is not None:
                await backend.unload(self.loaded)
        except BackendError:
            pass  # it is gone, or the server is: what was answered is kept all the same
        finally:
            await backend.close()

    def folder(self, adapter: str) -> Path:
        """A copy that no training writes over: engines read an adapter again when they need it."""
        target = adapters_here() / adapter
        if target.is_dir() and digest_folder(target) == adapter:
            return target
        assert self.files is not None
        with staged_folder(target) as draft:
            shutil.copytree(self.files, draft, dirs_exist_ok=True)
            if digest_folder(draft) != adapter:
                raise IncumbentError(f"{self.files} holds another adapter than {short(adapter)}")
        return target


def refuse_other_engine(here: Engine, pinned: Engine) -> None:
    """Raise IncumbentError where answers made now would pass for another engine's."""
    if here != pinned:
        raise IncumbentError(
            f"eval items were answered by {pinned}, and the server is now {here}: run `dvc repro`"
        )
