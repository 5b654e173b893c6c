"""A server of OpenAI's API that loads adapters, on a port of this machine; no model is in it.

It speaks as vLLM does. A token of it is a character, and what it answers is a function of the model
that was asked for and of the last message.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

END = "\x00"  # the end token
JSON, EVENTS = "application/json", "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    path: str
    body: dict[str, Any]
    authorization: str | None = None


@dataclass(frozen=True)
class Reply:
    body: bytes
    status: int = 200
    kind: str = JSON
    cut: bool = False  # the connection breaks off before the end

    @classmethod
    def of(cls, found: object, status: int = 200) -> "Reply":
        return cls(json.dumps(found).encode(), status)

    @classmethod
    def events(cls, *data: str, cut: bool = False) -> "Reply":
        return cls("".join(f"data: {one}\n\n" for one in data).encode(), kind=EVENTS, cut=cut)

    @classmethod
    def error(cls, status: int, message: str) -> "Reply":
        error = {"message": message, "type": "NotFoundError", "param": "model", "code": status}
        return cls.of({"error": error}, status)


Behaviour = Callable[[Asked], Reply | None]  # None: as it behaves by itself


@dataclass
class EngineServer:
    """What was asked, and which adapters are loaded, by name: their folders."""

    url: str = ""
    version: str = "1.0"
    behaviour: Behaviour = lambda asked: None
    asked: list[Asked] = field(default_factory=list)
    adapters: dict[str, str] = field(default_factory=dict)
    most_at_once: int = 0
    running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [asked.body for asked in self.asked if asked.path == path]

    def reply(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
        try:
            return self.behaviour(asked) or getattr(self, PATHS.get(asked.path, "nothing"))(asked)
        finally:
            with self.lock:
                self.running -= 1

    def nothing(self, asked: Asked) -> Reply:
        return Reply.of({"detail": "Not Found"}, 404)

    def models(self, asked: Asked) -> Reply:
        base = {"id": "base", "root": "bank/base", "parent": None}
        loaded = [{"id": name, "root": at, "parent": "base"} for name, at in self.adapters.items()]
        return Reply.of({"data": [base, *loaded]})

    def versions(self, asked: Asked) -> Reply:
        return Reply.of({"version": self.version})

    def load(self, asked: Asked) -> Reply:
        name = asked.body["lora_name"]
        if name in self.adapters:
            return Reply.error(400, f"The lora adapter '{name}' has already been loaded.")
        self.adapters[name] = asked.body["lora_path"]
        return Reply(b"Success", kind="text/plain")

    def unload(self, asked: Asked) -> Reply:
        if self.adapters.pop(asked.body["lora_name"], None) is None:
            return Reply.error(404, "cannot be found")
        return Reply(b"Success", kind="text/plain")

    def chat(self, asked: Asked) -> Reply:
        model, said = asked.body["model"], asked.body["messages"][-1]["content"]
        if model not in {"base", *self.adapters}:
            return Reply.error(404, f"The model `{model}` does not exist.")
        text = f"{model} {asked.body.get('seed', '')} {said}"
        if asked.body["stream"]:
            chunks = [json.dumps({"choices": [{"delta": {"content": c}}]}) for c in text]
            return Reply.events(*chunks, "[DONE]")
        message = {"role": "assistant", "content": f"{text} "}
        usage = {"prompt_tokens": len(said), "completion_tokens": len(text)}
        return Reply.of({"choices": [{"message": message}], "usage": usage})

    def tokenize(self, asked: Asked) -> Reply:
        text = "".join(f"{m['role'][0]}:{m['content']}{END}\n" for m in asked.body["messages"])
        begun = "a:" if asked.body["add_generation_prompt"] else ""
        return Reply.of({"tokens": [ord(c) for c in text + begun]})

    def completions(self, asked: Asked) -> Reply:
        tokens = asked.body["prompt"]
        each = [None, *({str(t): {"logprob": -t / 100}} for t in tokens[1:])]
        return Reply.of({"choices": [{"text": "", "prompt_logprobs": each}]})


PATHS = {
    "/v1/models": "models",
    "/version": "versions",
    "/v1/load_lora_adapter": "load",
    "/v1/unload_lora_adapter": "unload",
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/tokenize": "tokenize",
}


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def engine_server(behaviour: Behaviour = lambda asked: None) -> Iterator[EngineServer]:
    """Serve until the block ends."""
    engine = EngineServer(behaviour=behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send(engine.reply(Asked(self.path, {}, self.headers["Authorization"])))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(engine.reply(Asked(self.path, body, self.headers["Authorization"])))

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body) + reply.cut))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    engine.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield engine
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
