"""Questions to an OpenAI-compatible server: asked again when it is busy, never when it refuses."""

import json
import os
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Self

import httpx2

from evaluation.evaluation_settings import JudgeParams
from project.errors import IncumbentError, InputError
from project.records.data import Message
from project.records.record import LATER, Record, later
from project.settings import PARAMS

SECTION = "evaluation.preference.judge"
MOST_NAMES = 10  # of models, in an error
RETRIES = 5  # after the first try, at 1, 2, 4, … s or when the server says: half a minute in all
LONGEST_BACKOFF = 60.0  # seconds between two tries, unless the server asks for more
LONGEST_WAIT = 600.0  # what a server may ask for; beyond it the run ends and can go on later
BUSY = {408, 425, 429}  # these and 5xx may pass
# How servers say that a question is longer than their model reads.
TOO_LONG = re.compile(r"context[ _-]*(?:length|window|size)|maximum context", re.IGNORECASE)
# The newer name of max_tokens, which some models take and others do not know.
NEWER_LIMIT = "max_completion_tokens"


class Request(Record):
    """All that decides an answer: its digest is what the answer is kept under."""

    model: str
    messages: tuple[Message, ...]
    temperature: float | None
    max_tokens: int | None


class Said(Record):
    """An answer, as it is kept."""

    text: str
    model: Annotated[str | None, LATER] = None  # that the server says it answered with
    fingerprint: Annotated[str | None, LATER] = None  # of how it is served, likewise
    cut: bool = later(False)  # at max_tokens, so that its end is missing
    too_long: bool = later(False)  # the question, for what the model reads: there is no text


class UnavailableError(IncumbentError):
    """The server gave no answer, but may give one later."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait  # seconds that the server asks for


class ChatServer:
    """One server and its connections, safe to share between threads."""

    def __init__(
        self,
        params: JudgeParams,
        pause: Callable[[float], object] | None = None,
        section: str = SECTION,
    ) -> None:
        """Raises InputError when the key's variable is not set. pause waits for some seconds.

        Errors name `section`, where these params were set.
        """
        self.params = params
        self.section = section
        self.key = key_of(params, section)
        self.failure: IncumbentError | None = None  # after which nothing more is asked
        self.newer_limit = False  # whether the model refused max_tokens under its older name
        self.stopped = threading.Event()
        self.pause = self.stopped.wait if pause is None else pause  # the end of all ends a wait
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.client = httpx2.Client(headers=headers, timeout=params.timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.client.close()

    def ask(self, request: Request) -> Said:
        """The answer. Raises IncumbentError when the server refuses or stays away.

        From then on it is asked nothing more, and every thread that asks gets the same error.
        """
        try:
            return self.persist(request)
        except IncumbentError as error:
            self.failure = self.failure or error
            self.stopped.set()
            raise self.failure from None

    def persist(self, request: Request) -> Said:
        """Ask until there is an answer, as often as params allow."""
        for attempt in range(RETRIES + 1):
            if self.stopped.is_set():
                raise self.failure or UnavailableError("the run was stopped")
            try:
                return self.attempt(request)
            except UnavailableError as error:
                fault = error
            if attempt < RETRIES:
                self.pause(max(fault.wait, min(2.0**attempt, LONGEST_BACKOFF)))
        raise IncumbentError(
            f"{fault}, after {RETRIES + 1} tries; what was answered is kept, and a new "
            "run goes on from there"
        )

    def attempt(self, request: Request) -> Said:
        """Ask once. Raises UnavailableError when it is worth asking again."""
        url = f"{self.params.url}/chat/completions"
        newer = self.newer_limit
        try:
            response = self.client.post(url, json=body_of(request, newer_limit=newer))
        except httpx2.RequestError as error:
            raise UnavailableError(
                f"no answer from {url} ({type(error).__name__}): check that a server runs there, "
                f"{self.section}.url and .timeout_s"
            ) from None
        said = self.redacted(response.text)
        code = response.status_code
        if code in BUSY or code >= 500:
            raise UnavailableError(
                f"{url} answered with status {code}: {excerpt(said)}", asked(response)
            )
        if code in (400, 413, 422) and NEWER_LIMIT in said and not newer:
            self.newer_limit = True
            return self.attempt(request)
        if code in (400, 413, 422) and TOO_LONG.search(said):
            return Said(text="", too_long=True)
        if code != 200:
            raise IncumbentError(
                f"{url} refused with status {code}: {excerpt(said)}; check url, model and "
                f"key_variable in {self.section}{self.models_served(code)}"
            )
        return completion(said, url, self.section)

    def models_served(self, code: int) -> str:
        """Which models there are, for whoever asked for one that is not there."""
        if code not in (400, 404):
            return ""
        try:
            response = self.client.get(f"{self.params.url}/models")
            listed = json.loads(self.redacted(response.text))
            names = [str(entry["id"]) for entry in listed["data"]][:MOST_NAMES]
        except (httpx2.RequestError, ValueError, LookupError, TypeError):
            return ""
        return f"; it serves {', '.join(map(repr, names))}" if names else ""

    def redacted(self, text: str) -> str:
        """What the server said without the key, which some repeat in their complaints."""
        return text.replace(self.key, "[key]") if self.key else text


def key_of(params: JudgeParams, section: str = SECTION) -> str | None:
    """The key, from the environment variable that params name."""
    if params.key_variable is None:
        return None
    key = os.environ.get(params.key_variable, "").strip()
    file, field = PARAMS if section == SECTION else None, f"{section}.key_variable"
    if not key:
        problem = f"the environment variable {params.key_variable!r} is not set"
        raise InputError(problem, file=file, field=field)
    if not (key.isascii() and key.isprintable()):
        problem = f"the environment variable {params.key_variable!r} holds no key"
        raise InputError(problem, file=file, field=field)
    return key


def asked(response: httpx2.Response) -> float:
    """The seconds of Retry-After (RFC 9110, 10.2.3), a number or a date; 0 where there is none.

    Raises IncumbentError when that is longer than anybody would wait.
    """
    value = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value) if value.isdecimal() else seconds_until(value)
    except ValueError:
        return 0.0
    if seconds > LONGEST_WAIT:
        raise IncumbentError(
            f"{response.url} asks to wait for {seconds:.0f} s; what was answered is kept: run it "
            "again then"
        )
    return max(seconds, 0.0)


def seconds_until(date: str) -> float:
    moment = parsedate_to_datetime(date)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


def body_of(request: Request, *, newer_limit: bool) -> dict[str, Any]:
    """A request as it is sent."""
    body = request.model_dump(exclude_none=True)
    if newer_limit and "max_tokens" in body:
        body[NEWER_LIMIT] = body.pop("max_tokens")
    return body


def completion(body: str, url: str, section: str) -> Said:
    """What a chat completion says; a model that says nothing says ""."""
    try:
        found = json.loads(body)
        choice = found["choices"][0]
        return Said(
            text=whole(choice["message"]["content"] or ""),
            model=whole(found.get("model") or "") or None,
            fingerprint=whole(found.get("system_fingerprint") or "") or None,
            cut=choice.get("finish_reason") == "length",
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise IncumbentError(
            f"{url} answers, but with no chat completion: {excerpt(body)}; check {section}.url"
        ) from None


def whole(text: str) -> str:
    """Without half a character, which JSON may hold."""
    return text.encode("utf-8", "replace").decode()


def excerpt(text: str, length: int = 200) -> str:
    """The end of a text on one line: what a person needs to see of it."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"…{line[-length:]}"
