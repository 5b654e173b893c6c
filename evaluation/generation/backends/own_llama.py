"""llama.cpp's server, started on a GGUF file for as long as it is asked. `python -m` is one."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib import import_module
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evaluation.generation.backends.backend import BackendError, Body, Endpoint, Engine, Names
from evaluation.generation.backends.openai_server import OpenAIServer
from evaluation.generation.backends.own_vllm import StartedServer, free_port
from project.canonical import digest_file, digest_files
from project.errors import IncumbentError, InputError
from project.files import home
from project.model_pins import context_window, pinned_folder
from project.paths import BASE
from project.records.adapters import ModelPin
from project.records.record import short
from project.untrusted_input import one_line

ENGINE = "llama.cpp"
OF_THE_PACKAGE = "evaluation.generation.backends.own_llama"
PROGRAM, VARIABLE = "llama-server", "LLAMA_SERVER"
KEY = "LLAMA_API_KEY"  # that llama-server reads, so that nobody sees it among its options
START_SECONDS = 300.0  # until a large model is read
ANSWER_SECONDS = 600.0
ASK_SECONDS = 60
SIDE_BY_SIDE = 4


def find_server() -> list[str]:
    """The command of llama.cpp's server: $LLAMA_SERVER, the one on PATH, or the package xllamacpp.
    Raises InputError where there is none.
    """
    if named := os.environ.get(VARIABLE):
        if shutil.which(named) is None:
            raise InputError(f"${VARIABLE} is no program: {named}")
        return [named]
    if program := shutil.which(PROGRAM):
        return [program]
    if find_spec("xllamacpp"):
        return [sys.executable, "-m", OF_THE_PACKAGE]
    raise InputError(
        f"llama.cpp answers by its server, and there is no {PROGRAM} on PATH: install llama.cpp, "
        f"or `pip install xllamacpp`, or set ${VARIABLE}"
    )


def version_of(command: Sequence[str]) -> str | None:
    """A build out of the package does not know its own number, the package does."""
    if OF_THE_PACKAGE in command:
        return f"xllamacpp {installed('xllamacpp')}"
    try:
        asked = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=ASK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    told = (asked.stdout + asked.stderr).splitlines()
    lines = [one_line(line) for line in told if line.startswith("version: ")]
    return lines[0].removeprefix("version: ") if lines else None


def options(
    model: Path, name: str, side_by_side: int, room: int, lora: Path | None = None
) -> list[str]:
    """Every answer has room for so many tokens, its prompt among them."""
    size = ["--ctx-size", str(side_by_side * room), "--parallel", str(side_by_side)]
    adapter = ["--lora", str(lora)] if lora else []
    return ["--model", str(model), "--alias", name, *adapter, "--jinja", *size]


@asynccontextmanager
async def running(command: Sequence[str], asked: Sequence[str]) -> AsyncIterator[OpenAIServer]:
    """A server on this machine alone; it ends with the block."""
    server = await started(command, asked)
    try:
        yield server
    finally:
        await server.close()


async def started(command: Sequence[str], asked: Sequence[str]) -> "LlamaServer":
    """Raises IncumbentError where it does not start."""
    server = LlamaServer(command, asked)
    try:
        await server.process.ready(server, START_SECONDS)
    except BaseException:
        await server.close()
        raise
    return server


class LlamaServer(OpenAIServer):
    """It holds one model, with one adapter on it or none, until it is closed."""

    engine_name = ENGINE

    def __init__(self, command: Sequence[str], asked: Sequence[str]) -> None:
        port, key = free_port(), secrets.token_hex()  # others of this machine are not to use it
        super().__init__(f"http://127.0.0.1:{port}/v1", key=key, timeout=ANSWER_SECONDS)
        where = ["--host", "127.0.0.1", "--port", str(port)]
        self.process = StartedServer([*command, *asked, *where], os.environ | {KEY: key})

    async def close(self) -> None:
        await super().close()
        await asyncio.to_thread(self.process.stop)


# --- replica --------------------------------------------------------------------------------------

# llama.cpp switches only between adapters that its server was started with. So each adapter has a
# process: a new one comes up before an old one ends. They share the base's pages of memory, and
# each has room of its own for the tokens of its answers.

ROOM = 8192  # tokens of a prompt with its answer, at most: a longer context takes memory
NOT_FOUND, NOT_STARTED = 404, 400
# As the embedded backend, where a request says nothing else; with the beginning of an earlier
# prompt in its cache, an answer would hang on what was asked before.
PLAIN = {"top_p": 1, "top_k": 0, "min_p": 0, "repeat_penalty": 1, "cache_prompt": False}


class LlamaReplica:
    """A pinned base, and adapters on it by name. The bare base starts when it is first asked."""

    def __init__(
        self, base: ModelPin, name: str = "base", pinned_by: ModelPin | None = None
    ) -> None:
        """`pinned_by`: the base whose file pins the engine, where that is another one."""
        self.base, self.name, self.pinned_by = base, name, pinned_by or base
        self.replica = f"llama.cpp-{short(base.weights)}"
        self.servers: dict[str, LlamaServer] = {}
        self.answering: Counter[LlamaServer] = Counter()
        self.leaving: set[LlamaServer] = set()  # once their answers have ended
        self.starting = asyncio.Lock()

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        async with self.asked(body) as server:
            return await server.answer(endpoint, {**PLAIN, **body})

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncGenerator[Body]:
        async with (
            self.asked(body) as server,
            aclosing(server.stream(endpoint, {**PLAIN, **body})) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def asked(self, body: Body) -> AsyncIterator[LlamaServer]:
        name = str(body.get("model"))
        if name == self.name:
            await self.start(name, None)
        elif name not in self.running():
            raise BackendError(NOT_FOUND, f"{self.replica} holds no {name}")
        server = self.servers[name]
        self.answering[server] += 1
        try:
            yield server
        finally:
            self.answering[server] -= 1
            if server in self.leaving and not self.answering[server]:
                self.leaving.discard(server)
                await server.close()

    def running(self) -> set[str]:
        return {name for name, server in self.servers.items() if server.process.runs()}

    async def names(self) -> Names:
        return Names(base=self.name, adapters=frozenset(self.running() - {self.name}))

    async def load(self, name: str, adapter: Path) -> None:
        await self.start(name, adapter)

    async def start(self, name: str, adapter: Path | None) -> None:
        async with self.starting:
            if name in self.running():
                return
            if dead := self.servers.pop(name, None):
                await dead.close()
            with tempfile.TemporaryDirectory(prefix="incumbent-lora-") as place:
                lora = Path(place, "lora.gguf") if adapter else None
                try:
                    asked = await asyncio.to_thread(self.options, name, adapter, lora)
                    self.servers[name] = await started(find_server(), asked)
                except IncumbentError as error:
                    raise BackendError(NOT_STARTED, str(error)) from None

    def options(self, name: str, adapter: Path | None, lora: Path | None) -> list[str]:
        # Imported here because it brings gguf and transformers.
        from evaluation.generation.backends.gguf_file import write_lora

        folder = pinned_folder(self.base, "base")
        if adapter and lora:
            write_lora(adapter, folder, lora)
        room = min(context_window(folder) or ROOM, ROOM)
        return options(base_file(self.base), name, SIDE_BY_SIDE, room, lora)

    async def unload(self, name: str) -> None:
        if server := self.servers.pop(name, None):
            if self.answering[server]:
                self.leaving.add(server)
            else:
                await server.close()

    async def engine(self) -> Engine:
        return await asyncio.to_thread(engine_of, self.pinned_by)

    async def close(self) -> None:
        for server in (*self.servers.values(), *self.leaving):
            await server.close()
        self.servers, self.leaving = {}, set()


def own_engine() -> Engine:
    """What will answer, pinned by the project's base; another contestant's base is pinned by its
    own digest.
    """
    return engine_of(ModelPin.read(BASE))


def engine_of(base: ModelPin) -> Engine:
    """With the digest of the base as llama.cpp reads it."""
    file = base_file(base)
    return Engine(name=ENGINE, version=version_of(find_server()), model=f"f16 {digest_file(file)}")


def base_file(base: ModelPin) -> Path:
    """A base in f16, written where it is not there yet. Raises InputError for one that nothing here
    can write.
    """
    # Imported here because they bring gguf and transformers.
    from evaluation.generation.backends.gguf_file import write_gguf

    writer = digest_files(Path(__file__).parent, ["gguf_file.py"])
    target = (home() / "gguf" / f"{short(base.digest)}-{short(writer)}.gguf").resolve()
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as place:
            draft = Path(place, target.name)
            write_gguf(pinned_folder(base, "base"), draft, base.name)
            draft.rename(target)
    return target


# --- xllamacpp server -----------------------------------------------------------------------------

# llama.cpp's server out of the package xllamacpp, with the options of `llama-server` that we use.
#
# The package brings the server as a library, ready built: no compiler is needed.


def main() -> None:
    parser = ArgumentParser(prog="llama-server")
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", default="model")
    parser.add_argument("--lora")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--ctx-size", type=int, default=0)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--jinja", action="store_true")
    parser.add_argument("--predict", type=int, default=-1)
    parser.add_argument("--temp", type=float, default=0.8)
    parser.add_argument("--top-k", type=int, default=40)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--min-p", type=float, default=0.05)
    asked = parser.parse_args()
    xllamacpp: Any = import_module("xllamacpp")  # compiled, without types
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = asked.model, {asked.alias}
    params.api_keys = [key] if (key := os.environ.get(KEY)) else []
    params.hostnames, params.port = [asked.host], asked.port
    params.n_ctx, params.n_parallel = asked.ctx_size, asked.parallel
    if asked.lora:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(asked.lora, 1.0)]
    params.use_jinja, params.n_predict = asked.jinja, asked.predict
    params.sampling.temp, params.sampling.top_k = asked.temp, asked.top_k
    params.sampling.top_p, params.sampling.min_p = asked.top_p, asked.min_p
    if threads := os.environ.get("LLAMA_ARG_THREADS"):  # as llama-server reads it
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    ended = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ended)  # before its threads begin
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait(ended)


if __name__ == "__main__":
    main()
