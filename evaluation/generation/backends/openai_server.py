"""A server of OpenAI's API over HTTP: vLLM, SGLang, or whichever."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from evaluation.generation.backends.backend import (
    BUSY,
    UNREACHABLE,
    BackendError,
    Body,
    Endpoint,
    Engine,
    Names,
)
from project.errors import InputError
from project.untrusted_input import shortened

LARGEST_ANSWER = 16 << 20  # bytes
LARGEST_COMPLAINT = 64 << 10
LONGEST_MESSAGE = 500  # characters of what a server says
CONNECT_SECONDS = 5.0
# Shorter than servers keep a connection that nobody uses (uvicorn: 5 s), so that few requests meet
# one that is just being closed.
KEEPALIVE_SECONDS = 2.0
BAD_ANSWER = 502
# A connection that broke before the answer began: the server closed it while it was idle.
BROKEN = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)


def refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=refuse)  # Python takes NaN and Infinity


class OpenAIServer:
    """One server; its models are what it lists, and it loads no adapters.

    `url` is its base URL, up to and with /v1. One object belongs to one event loop.
    """

    engine_name = "openai"

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 120.0,
        connections: int = 256,
        by_proxy: bool = False,
    ) -> None:
        """`timeout`: seconds of a whole answer, and between two chunks of a stream. `by_proxy`: by
        the environment's proxies, which are not meant for replicas.
        """
        self.url = url.rstrip("/")
        self.root = self.url.removesuffix("/v1")
        self.replica = self.url
        self.key = key
        self.timeout = timeout
        headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            limits=httpx2.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=KEEPALIVE_SECONDS,
            ),
            verify=self.url.startswith("https:"),  # to read all certificates takes 50 ms
            trust_env=by_proxy,
        )
        self.urls = {endpoint: httpx2.URL(f"{self.url}{endpoint}") for endpoint in Endpoint}

    async def answer(self, endpoint: Endpoint, body: Body) -> Body:
        """A whole answer, whatever the body says of streams."""
        return self.checked_body(
            await self.read("POST", self.urls[endpoint], {**body, "stream": False})
        )

    async def stream(self, endpoint: Endpoint, body: Body) -> AsyncGenerator[Body]:
        """The chunks of an answer, as they come."""
        async with self.asked("POST", self.urls[endpoint], {**body, "stream": True}) as response:
            self.refuse_no_stream(response)
            try:
                async for data in data_of_events(response.aiter_raw()):
                    if data.strip() == b"[DONE]":
                        return
                    yield self.checked_body(data)
            except StreamError as error:
                raise self.bad(f"sent {error}") from None
        raise self.bad("ended its stream without [DONE]: the answer is not whole")

    async def names(self) -> Names:
        """The model listed first stands for the base, the others for adapters."""
        ids = [str(card["id"]) for card in await self.models()]
        return Names(base=ids[0], adapters=frozenset(ids[1:]))

    async def load(self, name: str, adapter: Path) -> None:
        raise BackendError(501, f"{self.replica} loads no adapters: {name} was not loaded")

    async def unload(self, name: str) -> None:
        raise BackendError(501, f"{self.replica} unloads no adapters: {name} was not unloaded")

    async def engine(self) -> Engine:
        """Its address alone: such a server tells neither its version nor its base."""
        return Engine(name=self.engine_name, version=None, model=self.url)

    async def close(self) -> None:
        await self.client.aclose()

    # --- one request, and what may be wrong with its answer -------------------------------------

    async def models(self) -> list[dict[str, Any]]:
        """What it lists, each with its id."""
        listed = (await self.get(f"{self.url}/models")).get("data")
        cards = listed if isinstance(listed, list) else []
        if not cards or not all(
            isinstance(c, dict) and isinstance(c.get("id"), str) for c in cards
        ):
            raise self.bad("lists no models")
        return cards

    async def get(self, url: str) -> dict[str, Any]:
        return self.parsed(await self.read("GET", httpx2.URL(url), None))

    async def post(self, url: httpx2.URL, body: Body) -> dict[str, Any]:
        return self.parsed(await self.read("POST", url, body))

    async def read(self, method: str, url: httpx2.URL, body: Body | None) -> bytes:
        """The body of an answer, all of it within the timeout."""
        try:
            async with asyncio.timeout(self.timeout), self.asked(method, url, body) as response:
                return await self.whole(response, LARGEST_ANSWER)
        except TimeoutError:
            raise self.away("gave no answer in time") from None

    @asynccontextmanager
    async def asked(
        self, method: str, url: httpx2.URL, body: Body | None
    ) -> AsyncIterator[httpx2.Response]:
        """An answer whose body is not read yet. Raises BackendError for one that is an error."""
        content = None if body is None else json.dumps(body).encode()
        request = self.client.build_request(method, url, content=content)
        try:
            response = await self.sent(request)
            try:
                if response.status_code != httpx2.codes.OK:
                    raise await self.refusal(response)
                yield response
            finally:
                await response.aclose()
        except httpx2.TimeoutException:
            raise self.away("gave no answer in time") from None
        except httpx2.TransportError as error:
            raise self.away(f"broke off ({type(error).__name__})") from None

    async def sent(self, request: httpx2.Request) -> httpx2.Response:
        """Sent once more where the connection broke before an answer began."""
        with suppress(*BROKEN):
            return await self.client.send(request, stream=True)
        return await self.client.send(request, stream=True)

    async def whole(self, response: httpx2.Response, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        # Not unpacked: nobody asked for a packed answer, and a few bytes of one may be gigabytes.
        async for part in response.aiter_raw():
            parts.append(part)
            size += len(part)
            if size > limit:
                raise self.bad(f"answers with more than {limit} bytes")
        return b"".join(parts)

    async def refusal(self, response: httpx2.Response) -> BackendError:
        status = response.status_code
        if status < httpx2.codes.BAD_REQUEST:
            return self.bad(f"answers with status {status}, and is no server of OpenAI's API")
        complaint = (await self.whole(response, LARGEST_COMPLAINT)).decode("utf-8", "replace")
        error = error_of(self.redacted(complaint))
        wait = retry_after_seconds(response.headers.get("Retry-After", "").strip())
        return BackendError(busy_not_away(status), str(error["message"]), error, wait)

    def refuse_no_stream(self, response: httpx2.Response) -> None:
        kind = response.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "text/event-stream":
            raise self.bad(f"answers with {kind[:100] or 'no content type'} in place of a stream")

    def checked_body(self, data: bytes) -> dict[str, Any]:
        """An answer or a part of one. Raises BackendError for an error that comes in its place."""
        body = self.parsed(data)
        if body.get("error") is None:
            return body
        error = error_of(self.redacted(data.decode("utf-8", "replace")))
        code = error.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else BAD_ANSWER
        raise BackendError(busy_not_away(status), str(error["message"]), error)

    def parsed(self, data: bytes) -> dict[str, Any]:
        try:
            body = DECODER.decode(data.decode())
        except (ValueError, RecursionError):
            raise self.bad("answers with what is no JSON") from None
        if not isinstance(body, dict):
            raise self.bad("answers with JSON that is no object")
        return body

    def redacted(self, text: str) -> str:
        """What it says without the key, which some servers repeat in their complaints."""
        return text.replace(self.key, "[key]") if self.key else text

    def bad(self, problem: str) -> BackendError:
        return BackendError(BAD_ANSWER, f"{self.replica} {problem}")

    def away(self, problem: str) -> BackendError:
        return BackendError(UNREACHABLE, f"{self.replica} {problem}: check that it runs")


def retry_after_seconds(value: str) -> float:
    """The seconds of Retry-After (RFC 9110, 10.2.3), a number or a date; 0 where there is none."""
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


def busy_not_away(status: int) -> int:
    """What a server's own status means: one that says 503 is there, and has too much to do (SGLang
    says so of a full queue). Only one that cannot be reached is UNREACHABLE.
    """
    return BUSY if status == UNREACHABLE else status


def error_of(text: str) -> dict[str, Any]:
    """A server's complaint in OpenAI's shape, whichever shape it has; always with a message."""
    try:
        body = DECODER.decode(text)
    except (ValueError, RecursionError):
        body = text
    inner = body.get("error", body) if isinstance(body, dict) else body
    fields = inner if isinstance(inner, dict) else {"message": inner}
    # SGLang's about adapters, FastAPI's, and what is in none of these shapes.
    message = fields.get("message") or fields.get("error_message") or fields.get("detail") or text
    error = {name: fields.get(name) for name in ("type", "param", "code")}
    return {"message": shortened(message, LONGEST_MESSAGE) or "said nothing", **error}


def key_in(
    variable: str | None,
    field: str,
    environment: Mapping[str, str] = os.environ,
    *,
    file: Path | None = None,
) -> str | None:
    """A server's key, from the environment variable that `field` of the settings names.

    Raises InputError where there is none in it.
    """
    if variable is None:
        return None
    key = environment.get(variable, "").strip()
    if not key:
        raise InputError(
            f"the environment variable {variable!r} is not set", file=file, field=field
        )
    if not (key.isascii() and key.isprintable()):
        raise InputError(
            f"the environment variable {variable!r} holds no key", file=file, field=field
        )
    return key


# --- sse ------------------------------------------------------------------------------------------

# The events of a stream (WHATWG HTML, section 9.2), from a server that is not trusted.

LARGEST_EVENT = 1 << 20  # bytes


class StreamError(Exception):
    """The stream is none, or holds more than anybody should read."""


async def data_of_events(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event, one after the other; comments and other fields are left aside."""
    data: list[bytes] = []
    size = 0
    async for line in lines(parts):
        size += len(line)
        if size > LARGEST_EVENT:
            raise StreamError(f"an event of more than {LARGEST_EVENT} bytes")
        if not line:
            if data:
                yield b"\n".join(data)
            data, size = [], 0
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))


async def lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends, \\n or \\r\\n. What no line end follows is no line."""
    rest = bytearray()  # grows in place: a line may come byte by byte
    async for part in parts:
        rest += part
        if b"\n" in part:
            *whole, rest = rest.split(b"\n")
            for line in whole:
                yield bytes(line).removesuffix(b"\r")
        if len(rest) > LARGEST_EVENT:
            raise StreamError(f"a line of more than {LARGEST_EVENT} bytes")
