"""The backend in this process: transformers and PEFT, one base, several adapters on it by name.

It answers as evaluation does, with the same reader, and what concurrent requests ask shares its
steps. Of OpenAI's API it lacks what `engine_request.NOT_DONE` lists. Calls stand in an answer's
text, where the gateway reads them. Without a temperature it answers greedily.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import aclosing, suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Self

from transformers import AutoTokenizer

from evaluation.generation.answers import versions
from evaluation.generation.backends.backend import (
    UNREACHABLE,
    BackendError,
    Body,
    Endpoint,
    Engine,
    Names,
)
from project.errors import InputError
from project.model_pins import pinned_folder
from project.paths import NUMERICS
from project.records.adapters import ModelPin, Numerics, Precision
from project.records.record import short
from serving.embedded.adapters_on_base import AdapterFiles, AdaptersOnBase, read_adapter
from serving.embedded.draft import AnswerBodies, AnswerDraft, AnswerText, Piece
from serving.embedded.engine_request import (
    PROMPT_TOKENS,
    EngineRequest,
    QuestionReader,
    backend_error,
    refused,
)
from serving.embedded.running_batch import RunningBatch
from serving.serving_settings import ServingParams
from training.precision import choose_numerics

# --- engine thread --------------------------------------------------------------------------------

# The one thread that computes: it owns the model, and takes orders between two steps.

log = logging.getLogger(__name__)

FAILED = "the engine failed while it computed the answer: its log says why"
STOPPED = "the engine has stopped: start the gateway anew"


@dataclass(frozen=True)
class Order:
    """What is to be done between two steps, and who hears that it will never be done."""

    act: Callable[[], None]
    fail: Callable[[BackendError], None]


class EngineThread:
    """Its methods may be called by any thread."""

    def __init__(self, batch: RunningBatch, slots: int) -> None:
        self.batch = batch
        self.model = batch.model
        self.slots = slots
        self.loaded: frozenset[str] = frozenset()  # adapters that may be asked
        self.leaving: set[str] = set()  # unloaded, but for answers that still run on them
        self.orders: SimpleQueue[Order] = SimpleQueue()
        self.stopping = False
        self.stopped: BackendError | None = None
        self.lock = Lock()  # so that no order comes in behind the last look at them
        # A daemon: a process that forgot to close it can end.
        self.thread = Thread(target=self.run, name="embedded-engine", daemon=True)
        self.thread.start()

    def order(self, act: Callable[[], None], fail: Callable[[BackendError], None]) -> None:
        """Raises BackendError UNREACHABLE where the thread has stopped."""
        with self.lock:
            self.refuse_stopped()
            self.orders.put(Order(act, fail))

    def refuse_stopped(self) -> None:
        if self.stopped:
            raise backend_error(UNREACHABLE, STOPPED)

    def answer(self, draft: AnswerDraft) -> None:
        self.order(lambda: self.take(draft), draft.hear)

    def load(self, name: str, files: AdapterFiles) -> Future[None]:
        return self.promise(lambda: self.insert(name, files))

    def unload(self, name: str) -> Future[None]:
        return self.promise(lambda: self.let_go(name))

    def close(self) -> None:
        """Stop after this step, and wait for it; answers that run end with an error."""
        with suppress(BackendError):  # it has stopped by itself
            self.order(self.stop, lambda _: None)
        self.thread.join()

    def promise(self, act: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()

        def fail(error: BackendError) -> None:
            with suppress(InvalidStateError):  # nobody waits for it any more
                future.set_exception(error)

        self.order(lambda: fulfil(future, act), fail)
        return future

    # --- what follows is done by the thread itself --------------------------------------------

    def run(self) -> None:
        failure = backend_error(500, FAILED)
        try:
            while not self.stopping:
                self.take_orders()
                self.batch.step()
                if self.leaving:
                    used = {draft.adapter for draft in self.batch.unfinished}
                    for name in self.leaving - used:
                        self.model.remove(name)
                        self.batch.prefixes.forget(name)
                        self.leaving.discard(name)
            failure = backend_error(UNREACHABLE, STOPPED)
        except Exception:
            log.exception("the embedded engine failed")
        finally:
            self.end(failure)

    def take_orders(self) -> None:
        """All that are there; without an answer to compute, wait for one."""
        order = None if self.batch.unfinished else self.orders.get()
        while True:
            if order is not None:
                order.act()
            try:
                order = self.orders.get_nowait()
            except Empty:
                return

    def take(self, draft: AnswerDraft) -> None:
        if draft.adapter is None or draft.adapter in self.loaded:
            self.batch.waiting.append(draft)
        else:
            draft.hear(not_found(draft.adapter))

    def insert(self, name: str, files: AdapterFiles) -> None:
        if name in self.loaded:
            return
        if len(self.loaded) >= self.slots:
            problem = f"all slots for adapters are taken (serving.slots: {self.slots})"
            raise backend_error(409, f"{problem}: unload one of them", code="no_slot")
        if name not in self.leaving:  # else it is still there
            self.model.insert(name, files)
        self.leaving.discard(name)
        self.loaded |= {name}

    def let_go(self, name: str) -> None:
        if name in self.loaded:
            self.loaded -= {name}
            self.leaving.add(name)

    def stop(self) -> None:
        self.stopping = True

    def end(self, failure: BackendError) -> None:
        """Nobody waits for ever: whoever waits hears that the thread has stopped."""
        with self.lock:
            self.stopped = failure
        for draft in self.batch.unfinished:
            draft.hear(failure)
        while not self.orders.empty():
            self.orders.get_nowait().fail(failure)


def fulfil(future: Future[None], act: Callable[[], None]) -> None:
    """Do what was promised, unless nobody waits for it any more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        act()
    except (BackendError, InputError) as error:
        future.set_exception(error)
    except BaseException as error:
        future.set_exception(error)
        raise
    else:
        future.set_result(None)


def not_found(name: str) -> BackendError:
    problem = f"the model `{name}` does not exist"
    return backend_error(404, problem, param="model", code="model_not_found")


# --- embedded backend -----------------------------------------------------------------------------


class EmbeddedBackend:
    """Loads from a local folder, which takes seconds. Its methods belong to one event loop at a
    time; several may use it one after another.
    """

    def __init__(
        self,
        base: Path,
        precision: Precision,
        params: ServingParams,
        *,
        name: str = "base",
        replica: str = "embedded",
    ) -> None:
        self.base, self.name, self.replica = base, name, replica
        model = AdaptersOnBase(base, precision)
        tokenizer = AutoTokenizer.from_pretrained(base)
        # The engine decodes with a copy, for a tokenizer cannot be used by two threads at a time.
        self.decode = partial(deepcopy(tokenizer).decode, skip_special_tokens=True)
        vocabulary = model.model.get_output_embeddings().weight.shape[0]
        self.questions = QuestionReader(
            tokenizer, model.context, params.max_tokens, PROMPT_TOKENS, model.ends, vocabulary
        )
        # One thread, so that a long prompt does not keep the event loop from its work.
        self.reading = ThreadPoolExecutor(1, "embedded-prompts")
        self.thread = EngineThread(RunningBatch(model, params.batch_size), params.slots)

    @classmethod
    def of(cls, pin: ModelPin, params: ServingParams) -> Self:
        """The backend of a pinned base, in the precision in which its answers were judged here."""
        known = Numerics.read(NUMERICS) if NUMERICS.exists() else choose_numerics()
        replica = f"embedded-{short(pin.weights)}"
        base = pinned_folder(pin, "base")
        return cls(base, known.precision, params, name=pin.name, replica=replica)

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        question = await self.question(endpoint, body)
        async with aclosing(self.pieces(question, streamed=False)) as pieces:
            piece = await anext(pieces)
        return AnswerBodies.of(question).whole(piece)

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncIterator[Body]:
        """Nothing comes before the first token, so that what fails until then is an error still."""
        question = await self.question(endpoint, body)
        bodies, begun = AnswerBodies.of(question), False
        async with aclosing(self.pieces(question, streamed=True)) as pieces:
            async for piece in pieces:
                for chunk in () if begun else bodies.beginning():
                    yield chunk
                begun = True
                for chunk in bodies.chunks(piece):
                    yield chunk

    async def question(self, endpoint: Endpoint, body: Body) -> EngineRequest:
        self.thread.refuse_stopped()
        self.adapter(body.get("model"))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.reading, self.questions.read, endpoint, body)

    def adapter(self, model: object) -> str | None:
        """The adapter that a request names; None: the bare base. Raises BackendError."""
        if not isinstance(model, str):
            raise refused("model is missing, or is no text", "model")
        if model != self.name and model not in self.thread.loaded:
            raise not_found(model)
        return None if model == self.name else model

    async def pieces(self, question: EngineRequest, *, streamed: bool) -> AsyncGenerator[Piece]:
        """An answer as it grows; closed before its end, it is given up."""
        heard: asyncio.Queue[Piece | BackendError] = asyncio.Queue()
        draft = AnswerDraft(
            question,
            self.adapter(question.model),
            AnswerText(self.decode, question.stops),
            hear=partial(tell, asyncio.get_running_loop(), heard),
            streamed=streamed,
        )
        self.thread.answer(draft)
        try:
            while not isinstance(piece := await heard.get(), BackendError):
                yield piece
                if piece.finish:
                    return
            raise piece
        finally:
            draft.gone = True

    async def names(self) -> Names:
        self.thread.refuse_stopped()
        return Names(base=self.name, adapters=self.thread.loaded)

    async def load(self, name: str, adapter: Path) -> None:
        """Read and checked aside; the engine waits for no more than to put the weights in place."""
        if name in (await self.names()).adapters:
            return
        if name == self.name:
            raise refused(f"`{name}` is the base's own name", "lora_name")
        try:
            files = await asyncio.to_thread(read_adapter, adapter, self.base)
            await asyncio.wrap_future(self.thread.load(name, files))
        except InputError as error:
            raise refused(f"the adapter was not loaded: {error}", "lora_path") from None

    async def unload(self, name: str) -> None:
        """It gives its slot back at once, and is let go when the last answer on it has ended."""
        await asyncio.wrap_future(self.thread.unload(name))

    async def engine(self) -> Engine:
        return Engine(name="embedded", version=", ".join(versions()), model=self.name)

    async def close(self) -> None:
        await asyncio.to_thread(self.thread.close)
        self.reading.shutdown(wait=False)


def tell(
    loop: asyncio.AbstractEventLoop,
    heard: "asyncio.Queue[Piece | BackendError]",
    piece: Piece | BackendError,
) -> None:
    """Said by the engine's thread. Nobody listens where the event loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(heard.put_nowait, piece)
