"""A server that plays the Hub for whoever uploads: repositories, branches, LFS files, commits.

It keeps every commit whole, and gives the files back as the Hub does.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN, READER = "hf_writer", "hf_reader"
Files = dict[str, bytes]


@dataclass
class Commit:
    message: str
    files: Files

    @property
    def sha(self) -> str:
        told = [self.message, sorted((name, sha(data)) for name, data in self.files.items())]
        return hashlib.sha1(json.dumps(told).encode()).hexdigest()


@dataclass
class Repository:
    private: bool = True
    branches: dict[str, list[Commit]] = field(default_factory=dict)

    def head(self, revision: str = "main") -> Commit | None:
        """The newest commit of a branch, or the one that is named."""
        if revision in self.branches:
            return self.branches[revision][-1]
        every = (commit for commits in self.branches.values() for commit in commits)
        return next((commit for commit in every if commit.sha == revision), None)


@dataclass
class UploadHub:
    """What it has, and what it was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)  # organisations that nobody may write to
    large: Files = field(default_factory=dict)  # by digest
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def lay(self, name: str, private: bool = True, **files: bytes) -> Repository:
        """A repository that somebody made by hand."""
        first = Commit("initial commit", {".gitattributes": b"", **files})
        self.repositories[name] = Repository(private, {"main": [first]})
        return self.repositories[name]


@contextmanager
def playing(hub: UploadHub) -> Iterator[UploadHub]:
    class Handler(Uploads):
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


class Uploads(BaseHTTPRequestHandler):
    played: UploadHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        data = self.body()
        self.played.large[sha(data)] = data
        self.tell({})

    def do_GET(self) -> None:
        path, known = self.begin()
        if not known:
            self.refuse(401, None)
        elif path == "/api/whoami-v2":
            role = "read" if self.token == READER else "write"
            self.tell({"name": "ann", "auth": {"accessToken": {"role": role}}})
        elif path.startswith("/api/models/"):
            self.give_about(*split(path.removeprefix("/api/models/")))
        else:
            self.give_file(*split(path.removeprefix("/")))

    def do_POST(self) -> None:
        path, known = self.begin()
        said = self.body()
        if not known:
            self.refuse(401, None)
        elif path == "/api/validate-yaml":
            self.check_card(json.loads(said)["content"])
        elif path == "/api/repos/create":
            self.create(json.loads(said))
        elif path == "/lfs/verify":
            self.tell({})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self.batch(json.loads(said))
        else:
            name, verb, rest = split(path.removeprefix("/api/models/"))
            getattr(self, f"post_{verb}")(name, rest, said)

    # --- what is asked --------------------------------------------------------------------------

    def give_about(self, name: str, verb: str, rest: str) -> None:
        if (repository := self.played.repositories.get(name)) is None:
            return self.refuse(404, "RepoNotFound")
        revision = rest.split("/")[0] if verb in ("revision", "tree") else "main"
        if (commit := repository.head(unquote(revision))) is None:
            return self.refuse(404, "RevisionNotFound")
        if verb == "tree":
            return self.tell([listed(*file) for file in sorted(commit.files.items())])
        siblings = [{"rfilename": file} for file in sorted(commit.files)]
        about = {"id": name, "sha": commit.sha, "private": repository.private}
        return self.tell(about | {"siblings": siblings})

    def give_file(self, name: str, verb: str, rest: str) -> None:
        revision, _, file = rest.partition("/")
        repository = self.played.repositories.get(name)
        commit = repository.head(unquote(revision)) if repository else None
        if commit is None or file not in commit.files:
            return self.refuse(404, "EntryNotFound")
        data = commit.files[file]
        return self.send(data, {"ETag": f'"{sha(data)}"', "X-Repo-Commit": commit.sha})

    def check_card(self, content: str) -> None:
        """Of what the Hub asks of a card, what a wrong one would fail at."""
        found = yaml.safe_load(content.split("---")[1])
        results = found.get("model-index", [{}])[0].get("results", [])
        whole = all({"task", "dataset", "metrics"} <= result.keys() for result in results)
        named = found.get("license") != "other" or "license_name" in found
        wrong = [] if whole and named else [{"message": "a result or a licence lacks something"}]
        self.tell({"errors": wrong, "warnings": []}, 400 if wrong else 200)

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] in self.played.locked:
            return self.refuse(403, None)
        known = name in self.played.repositories
        if not known:
            self.played.lay(name, private=asked.get("visibility") == "private")
        return self.tell({"url": f"{self.played.url}/{name}"}, 409 if known else 200)

    def batch(self, asked: dict[str, Any]) -> None:
        self.tell({"objects": [self.place_of(item) for item in asked["objects"]]})

    def place_of(self, item: dict[str, Any]) -> dict[str, Any]:
        """Where a large file goes, unless it is here."""
        if item["oid"] in self.played.large:
            return item
        url = self.played.url
        upload, verify = {"href": f"{url}/lfs/{item['oid']}"}, {"href": f"{url}/lfs/verify"}
        return item | {"actions": {"upload": upload, "verify": verify}}

    def post_branch(self, name: str, branch: str, _: bytes) -> None:
        branches = self.played.repositories[name].branches
        known = unquote(branch) in branches
        branches.setdefault(unquote(branch), [branches["main"][-1]])
        self.tell({}, 409 if known else 200)

    def post_preupload(self, name: str, revision: str, said: bytes) -> None:
        commit = self.played.repositories[name].head(unquote(revision))
        there = commit.files if commit else {}
        files = [file["path"] for file in json.loads(said)["files"]]
        modes = [
            {
                "path": file,
                "uploadMode": "lfs" if is_large(file) else "regular",
                "shouldIgnore": False,
                "oid": oid(file, there[file]) if file in there else None,
            }
            for file in files
        ]
        self.tell({"files": modes})

    def post_commit(self, name: str, revision: str, said: bytes) -> None:
        commits = self.played.repositories[name].branches[unquote(revision)]
        lines = [json.loads(line) for line in said.splitlines()]
        files = dict(commits[-1].files)
        for line in lines[1:]:
            self.apply(line["key"], line["value"], files)
        if lines[0]["value"].get("parentCommit") != commits[-1].sha:
            return self.refuse(412, None)
        commits.append(Commit(lines[0]["value"]["summary"], files))
        told = {"commitOid": commits[-1].sha, "commitUrl": f"{name}/commit/{commits[-1].sha}"}
        return self.tell(told)

    def apply(self, key: str, value: dict[str, Any], files: Files) -> None:
        if key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile":
            files[value["path"]] = self.played.large[value["oid"]]
        else:
            del files[value["path"]]

    # --- how it is answered ---------------------------------------------------------------------

    def begin(self) -> tuple[str, bool]:
        """The path, and whether whoever asks is known."""
        path = urlsplit(self.path).path
        self.played.asked.append(f"{self.command} {path}")
        self.token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return path, self.token in (TOKEN, READER)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def refuse(self, status: int, code: str | None) -> None:
        self.send(b"", {"X-Error-Code": code} if code else {}, status)

    def tell(self, value: object, status: int = 200) -> None:
        self.send(json.dumps(value).encode(), {"Content-Type": "application/json"}, status)

    def send(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def split(path: str) -> tuple[str, str, str]:
    """The repository, what is asked of it, and what follows."""
    organisation, name, *rest = path.split("/", 3)
    return f"{organisation}/{name}", *(*rest, "", "")[:2]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_large(file: str) -> bool:
    return file.endswith((".safetensors", ".gguf"))


def oid(file: str, data: bytes) -> str:
    """By which a client knows that it need not send a file: git's of a small one."""
    if is_large(file):
        return sha(data)
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def listed(file: str, data: bytes) -> dict[str, object]:
    return {"type": "file", "path": file, "size": len(data), "oid": oid(file, data)[:40]}
