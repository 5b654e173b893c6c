"""llama.cpp's server is found, started for as long as it is asked, and ended; a contestant answers
by it as by transformers and PEFT.
"""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml
from gguf import GGUFReader

from evaluation.evaluation_settings import Decoding, GenerationParams
from evaluation.generation.answering_engine import answering_numerics
from evaluation.generation.answers import Answer
from evaluation.generation.backends import own_llama
from evaluation.generation.backends.backend import BackendError, Endpoint, Names
from evaluation.generation.backends.openai_server import OpenAIServer
from evaluation.generation.backends.own_llama import (
    LlamaReplica,
    find_server,
    options,
    running,
    version_of,
)
from evaluation.generation.systems import respondent
from project import paths
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.libraries import processor_kind
from project.model_pins import ModelChoice, pin
from project.records.adapters import Contestant, ModelPin, Numerics
from project.records.data import Row
from tests.servers import missing
from tests.serving.vllm.tiny_models import save_adapter

SERVER = f"""#!{sys.executable}
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({{"status": "ok", "build_info": "b9", "told": sys.argv[1:]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def program(text: str) -> str:
    file = Path("llama-server").resolve()
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


def test_it_is_asked_while_it_runs_and_is_gone_afterwards() -> None:
    async def told() -> list[str]:
        command = [program(SERVER)]
        asked = options(Path("model.gguf"), "bank-v1", side_by_side=4, room=300)
        async with running(command, asked) as server:
            props = await server.get(f"{server.root}/props")
        with pytest.raises(BackendError):
            await OpenAIServer(server.url).get(f"{server.root}/props")
        words: list[str] = props["told"]
        return words

    words = asyncio.run(told())
    assert words[:4] == ["--model", "model.gguf", "--alias", "bank-v1"]
    assert words[words.index("--ctx-size") + 1] == "1200"  # of 4 answers side by side


def test_a_program_tells_its_version() -> None:
    told = program("#!/bin/sh\necho 'warning: no GPU' >&2\necho 'version: 9123 (abc)' >&2\n")
    assert version_of([told]) == "9123 (abc)"
    assert version_of([program("#!/bin/sh\n")]) is None


def test_a_server_that_does_not_start_is_quoted_without_its_colours() -> None:
    async def start() -> None:
        broken = "#!/bin/sh\nprintf '\\033[31mno such model\\n' >&2\nexit 1\n"
        async with running([program(broken)], []):
            raise AssertionError("it runs")

    with pytest.raises(IncumbentError, match=r"did not start:\n\[31mno such model"):
        asyncio.run(start())


def test_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path().resolve()))
    monkeypatch.delenv("LLAMA_SERVER", raising=False)
    monkeypatch.setattr(own_llama, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"no llama-server on PATH.*pip install xllamacpp"):
        find_server()
    monkeypatch.setattr(own_llama, "find_spec", lambda _: True)
    assert find_server()[1:] == ["-m", "evaluation.generation.backends.own_llama"]
    found = program("#!/bin/sh\n")
    assert find_server() == [found]
    monkeypatch.setenv("LLAMA_SERVER", "/nowhere/llama-server")
    with pytest.raises(InputError, match=r"\$LLAMA_SERVER is no program: /nowhere"):
        find_server()


def test_it_is_started_here_and_has_no_address() -> None:
    with pytest.raises(ValueError, match=r"llama\.cpp is started here, and has no url"):
        GenerationParams(backend="llama.cpp", url="http://127.0.0.1:8000/v1")


# --- contestants ----------------------------------------------------------------------------------

DECODING = Decoding(max_new_tokens=12, batch_size=4)
ROWS = [Row.of(f"What is {i} plus {i}?", f"{2 * i}.", group=str(i), source="s") for i in range(4)]


@pytest.fixture(scope="module")
def lora(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_adapter(tiny_base, tmp_path_factory.mktemp("llama") / "adapter", seed=1)


@pytest.fixture(scope="module")
def stabilised(lora: Path) -> Path:
    """The same weights, with another scale."""
    folder = lora.with_name("stabilised")
    folder.mkdir()
    for file in lora.iterdir():
        text = file.read_bytes().replace(b'"use_rslora": false', b'"use_rslora": true')
        (folder / file.name).write_bytes(text)
    return folder


@pytest.fixture
def pinned(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> ModelPin:
    """A project whose eval items llama.cpp answers."""
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")  # two that spin take longer on a busy machine
    try:
        find_server()
    except InputError:
        missing("llama.cpp's server (pip install xllamacpp)")
    settings = {"evaluation": {"generation": {"backend": "llama.cpp"}}}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    Numerics(precision="float32", processor=processor_kind()).write(paths.NUMERICS)
    pinned = pin(ModelChoice(model=str(tiny_base)), "base")
    pinned.write(paths.BASE)
    return pinned


def by_llama_cpp(pinned: ModelPin, adapter: Path | None, numerics: Numerics) -> list[Answer]:
    digest = digest_folder(adapter) if adapter else None
    contestant = Contestant(base=pinned, adapter=digest)
    return respondent(contestant, adapter, DECODING, numerics).answers(ROWS, "test")


def by_transformers(base: Path, adapter: Path | None) -> list[str]:
    from evaluation.generation.answering_model import AnsweringModel

    found = {
        a.item: a.text for a in AnsweringModel(base, adapter, DECODING, "float32").answer(ROWS)
    }
    return [found[row.id] for row in ROWS]


def texts(answers: Sequence[Answer]) -> list[str]:
    return [answer.text for answer in answers]


@pytest.mark.slow
def test_a_contestant_answers_as_by_transformers_and_peft(
    pinned: ModelPin, tiny_base: Path, lora: Path, stabilised: Path
) -> None:
    numerics = answering_numerics()
    said = {
        adapter: by_llama_cpp(pinned, adapter, numerics) for adapter in (None, lora, stabilised)
    }
    for adapter, answers in said.items():
        assert texts(answers) == by_transformers(tiny_base, adapter)
    assert len({*map(str, map(texts, said.values()))}) == 3
    assert all(answer.reference_logprob is None for answer in said[lora])
    assert [command for command in commands_here() if "gguf" in command] == []


def commands_here() -> Iterator[str]:
    """The commands of the processes that this one started, and that did not end meanwhile."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            yield " ".join(child.cmdline())


@pytest.mark.slow
def test_answers_are_pinned_by_the_engine_and_the_file_of_the_base(
    pinned: ModelPin, monkeypatch: pytest.MonkeyPatch
) -> None:
    numerics = answering_numerics()
    assert numerics.engine
    assert numerics.engine.name == "llama.cpp"
    file = own_llama.base_file(pinned)
    assert numerics.engine.model == f"f16 {own_llama.digest_file(file)}"
    assert GGUFReader(file).fields["general.name"].contents() == pinned.name
    monkeypatch.setattr(own_llama, "version_of", lambda _: "another")
    with pytest.raises(IncumbentError, match=r"were answered by llama\.cpp .*run `dvc repro`"):
        by_llama_cpp(pinned, None, numerics)


@pytest.mark.slow
def test_an_adapter_that_is_let_go_ends_its_answers_first(
    pinned: ModelPin, lora: Path, stabilised: Path
) -> None:
    body = {"model": "one", "messages": [{"role": "user", "content": "Say much."}]}
    body |= {"temperature": 0, "max_tokens": 64}

    async def told() -> tuple[str, str, Names]:
        replica = LlamaReplica(pinned)
        try:
            await replica.load("one", lora)
            await replica.load("two", stabilised)
            with pytest.raises(BackendError, match="API Key"):  # others of this machine
                await OpenAIServer(replica.servers["one"].url).answer(Endpoint.CHAT, body)
            whole = await replica.answer(Endpoint.CHAT, body)
            text = ""
            async for chunk in replica.stream(Endpoint.CHAT, body):
                text += chunk["choices"][0]["delta"].get("content") or ""
                await replica.unload("one")  # at its first word
            with pytest.raises(BackendError, match="holds no one"):
                await replica.answer(Endpoint.CHAT, body)
            return text, whole["choices"][0]["message"]["content"], await replica.names()
        finally:
            await replica.close()

    streamed, whole, names = asyncio.run(told())
    assert streamed == whole != ""
    assert names == Names(base="base", adapters=frozenset({"two"}))
