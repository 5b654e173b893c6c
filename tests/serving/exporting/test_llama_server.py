"""llama.cpp's server is found, started for as long as it is asked, and ended."""

import asyncio
import sys
from pathlib import Path

import pytest

from evaluation.generation.backends.backend import BackendError
from evaluation.generation.backends.openai_server import OpenAIServer
from project.errors import IncumbentError, InputError
from serving.exporting import server_answers
from serving.exporting.server_answers import find_server, running

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
    async def told() -> tuple[list[str], str | None]:
        command = [program(SERVER)]
        async with running(command, Path("model.gguf"), "bank-v1", 300) as server:
            props = await server.get(f"{server.root}/props")
            engine = await server_answers.engine_of(server, command, Path("model.gguf"))
        with pytest.raises(BackendError):
            await OpenAIServer(server.url).get(f"{server.root}/props")
        return props["told"], engine.version

    words, version = asyncio.run(told())
    assert words[:4] == ["--model", "model.gguf", "--alias", "bank-v1"]
    assert words[words.index("--ctx-size") + 1] == "1200"  # of 4 answers side by side
    assert version == "b9"


def test_a_server_that_does_not_start_is_quoted_without_its_colours() -> None:
    async def start() -> None:
        broken = "#!/bin/sh\nprintf '\\033[31mno such model\\n' >&2\nexit 1\n"
        async with running([program(broken)], Path("model.gguf"), "m", 10):
            raise AssertionError("it runs")

    with pytest.raises(IncumbentError, match=r"did not start:\n\[31mno such model"):
        asyncio.run(start())


def test_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path().resolve()))
    monkeypatch.delenv("LLAMA_SERVER", raising=False)
    monkeypatch.setattr(server_answers, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"no llama-server on PATH.*pip install xllamacpp"):
        find_server()
    monkeypatch.setattr(server_answers, "find_spec", lambda _: True)
    assert find_server()[1:] == ["-m", "serving.exporting.server_answers"]
    found = program("#!/bin/sh\n")
    assert find_server() == [found]
    monkeypatch.setenv("LLAMA_SERVER", "/nowhere/llama-server")
    with pytest.raises(InputError, match=r"\$LLAMA_SERVER is no program: /nowhere"):
        find_server()
