"""The backend in this process: transformers and PEFT, one base, several adapters on it by name.

It answers as evaluation does, with the same reader, and what concurrent requests ask shares its
steps. Of OpenAI's API it lacks what `engine_request.NOT_DONE` lists. Calls stand in an answer's
text, where the gateway reads them. Without a temperature it answers greedily.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Self

from transformers import AutoTokenizer

from evaluation.generation.answers import versions
from evaluation.generation.backends.backend import BackendError, Body, Endpoint, Engine, Names
from project.errors import InputError
from project.model_pins import pinned_folder
from project.paths import NUMERICS
from project.records.adapters import ModelPin, Numerics, Precision
from project.records.record import short
from serving.embedded.adapters_on_base import AdaptersOnBase, read_adapter
from serving.embedded.draft import AnswerBodies, AnswerDraft, AnswerText, Piece
from serving.embedded.engine_request import PROMPT_TOKENS, EngineRequest, QuestionReader, refused
from serving.embedded.engine_thread import EngineThread, not_found
from serving.embedded.running_batch import RunningBatch
from serving.serving_settings import ServingParams
from training.precision import choose_numerics


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
