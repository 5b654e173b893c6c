"""A server that plays the Hugging Face Hub: one model, at one commit, behind a token or not."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from project.canonical import digest_file

NAME, COMMIT, TOKEN = "bank/tiny", "c" * 40, "a-token"
LARGE = 24 << 20  # bytes: half of more is more than a client writes at once


@dataclass
class Hub:
    """What it has, how it answers, and what it was asked."""

    folder: Path
    gated: bool = False
    breaks: bool = False  # the first download of each large file, after half of it
    url: str = ""
    asked: list[str] = field(default_factory=list)  # method, path and range
    broken: set[str] = field(default_factory=set)


@contextmanager
def playing(hub: Hub) -> Iterator[Hub]:
    class Handler(Answers):
        played = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class Answers(BaseHTTPRequestHandler):
    played: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.played.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        kind, _, rest = path.removeprefix("/api/models/").removeprefix("/").partition(NAME)
        if kind or NAME not in path:
            self.refuse(404, "RepoNotFound")
        elif not rest or rest.startswith("/revision/"):
            known = rest.removeprefix("/revision/") in ("", "main", COMMIT)
            self.tell({"id": NAME, "sha": COMMIT}) if known else self.no_revision()
        elif self.played.gated and not allowed:
            self.refuse(401, "GatedRepo")
        elif rest.startswith(f"/tree/{COMMIT}"):
            self.tell([listed(file) for file in sorted(self.played.folder.iterdir())])
        elif rest.startswith(f"/resolve/{COMMIT}/"):
            self.give(self.played.folder / rest.removeprefix(f"/resolve/{COMMIT}/"))
        else:
            self.no_revision()

    def no_revision(self) -> None:
        self.refuse(404, "RevisionNotFound")

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def tell(self, value: object) -> None:
        self.send(json.dumps(value).encode(), {})

    def give(self, file: Path) -> None:
        """A file, or the rest of it; half of a large one the first time, where it breaks."""
        data = file.read_bytes()
        headers = {"ETag": f'"{digest_file(file)}"', "X-Repo-Commit": COMMIT}
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        fresh = self.command == "GET" and file.name not in self.played.broken
        if self.played.breaks and fresh and len(data) > LARGE:
            self.played.broken.add(file.name)
            self.send(data, headers, cut=len(data) // 2)
            self.close_connection = True
            return
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.send(data[start:], headers, status=206 if start else 200)

    def send(
        self, data: bytes, headers: dict[str, str], status: int = 200, cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data[:cut])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def listed(file: Path) -> dict[str, object]:
    return {
        "type": "file",
        "path": file.name,
        "size": file.stat().st_size,
        "oid": digest_file(file)[:40],
    }
