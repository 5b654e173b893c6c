"""A contestant as a server holds it: its adapter is loaded before it answers, and let go after."""

import asyncio
import json
import shutil
from collections.abc import Collection
from pathlib import Path

from evaluation.evaluation_settings import Decoding, GenerationParams
from evaluation.generation.answering_engine import SECTION, adapters_here, backend_of
from evaluation.generation.backends.backend import KEPT, Backend, BackendError, Engine
from evaluation.generation.server_model import PLAIN_ENGINE, ServerModel
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.files import staged_folder
from project.model_pins import folder_here, pinned_folder
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.record import short

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
        name = short(self.contestant.adapter) if self.contestant.adapter else "base"
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
        from evaluation.generation.backends.vllm import VllmReplica  # as in `backend_of`

        ends = end_tokens(self.contestant.base)
        return ServerModel(
            backend=backend,
            name=name,
            decoding=self.decoding,
            runner=self.runner,
            system_prompt=self.contestant.system_prompt,
            concurrency=self.params.concurrency,
            plain={} if self.params.backend == "openai" else PLAIN_ENGINE,
            reader=backend if isinstance(backend, VllmReplica) and ends else None,
            ends=ends,
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

    # --- one level down -------------------------------------------------------------------------

    async def server(self) -> Backend:
        """One that runs; or one of this process', where the settings say how it is started."""
        if self.params.vllm_python is None:
            return backend_of(self.params)
        # Imported here because they bring an HTTP client, and torch.
        from evaluation.generation.answering_model import refuse_other_machine
        from evaluation.generation.backends.own_vllm import own_engine, own_replica

        refuse_other_machine(self.numerics)
        python, options = self.params.vllm_python, self.params.vllm_options
        refuse_other_engine(own_engine(python, options), self.engine)
        return await own_replica(
            python,
            options,
            pinned_folder(self.contestant.base, "base"),
            self.numerics.precision,
            self.params.timeout_seconds,
        )

    async def prepared(self, backend: Backend) -> str:
        """The model's name on the server, with the adapter behind it."""
        if self.params.vllm_python is None:
            refuse_other_engine(await backend.engine(), self.engine)
        if self.model is not None:
            return self.model
        names = await backend.names()
        if self.contestant.adapter is None:
            return names.base
        name = f"{NAMED_BY_DIGEST}{short(self.contestant.adapter)}"
        if name not in names.adapters:
            self.loaded = name
            await backend.load(name, self.folder(self.contestant.adapter))
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


def end_tokens(base: ModelPin) -> Collection[int]:
    """As transformers reads them, of a base that lies here; else none."""
    folder = folder_here(base)
    for name in ("generation_config.json", "config.json"):
        path = folder / name if folder else Path(name)
        if folder and path.is_file():
            ends = json.loads(path.read_bytes()).get("eos_token_id")
            if ends is not None:
                return frozenset(ends if isinstance(ends, list) else [ends])
    return frozenset()
