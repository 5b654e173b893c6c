"""A chat-completions server on a port of this machine, which behaves well or not, as it is told."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FENCED = re.compile(
    r"^<<< (REQUEST|REFERENCE|ANSWER(?: [AB])?) (?P<mark>[0-9a-f]{32})\n(.*?)\n"
    r">>> END OF \1 (?P=mark)$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Asked:
    """One request as the server sees it."""

    path: str
    authorization: str | None
    body: dict[str, Any]

    @property
    def question(self) -> str:
        text: str = self.body["messages"][-1]["content"]
        return text

    @property
    def material(self) -> dict[str, str]:
        """What stands between the marks: REQUEST, ANSWER A and ANSWER B; of a rubric REQUEST,
        ANSWER and perhaps REFERENCE.
        """
        return {match[1]: match[3] for match in FENCED.finditer(self.question)}


@dataclass(frozen=True)
class Reply:
    text: str = ""  # the content of the completion
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None  # instead of a completion
    cut: bool = False  # the connection breaks off before the end
    fields: dict[str, Any] = field(default_factory=dict)  # of the completion, beside its choices
    finish_reason: str = "stop"

    @property
    def payload(self) -> bytes:
        message = {"role": "assistant", "content": self.text}
        choice = {"message": message, "finish_reason": self.finish_reason}
        completion = {"choices": [choice], **self.fields}
        return json.dumps(completion).encode() if self.raw is None else self.raw


Behaviour = Callable[[Asked], Reply]


@dataclass
class JudgeServer:
    url: str
    asked: list[Asked]


@contextmanager
def judge_server(behaviour: Behaviour, models: Sequence[str] = ("m", "n")) -> Iterator[JudgeServer]:
    """Serve until the block ends, and say that there are these models."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send(Reply(raw=json.dumps({"data": [{"id": name} for name in models]}).encode()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = Asked(self.path, self.headers["Authorization"], body)
            asked.append(request)
            self.send(behaviour(request))

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.payload) + reply.cut))
            self.end_headers()
            self.wfile.write(reply.payload)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(
        target=server.serve_forever, args=(0.01,)
    )  # looks for its end so often
    thread.start()
    try:
        yield JudgeServer(f"http://127.0.0.1:{server.server_port}/v1", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
