"""What a request must pass before a page sees it: host, origin, session, size, time and rate."""

import asyncio
import math
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteError
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from project.listening import Buckets, is_loopback
from review.frame.access_control import AccessControl
from review.review_settings import USUAL_PORTS
from review.site import Person

# --- allowed host ---------------------------------------------------------------------------------

# Only names of this machine, and the one in the settings, are answered.
#
# A page elsewhere can point its own name at 127.0.0.1 (DNS rebinding): its requests then carry that
# name. The port is not asked for, so that a forwarded one works.


class AllowedHost:
    def __init__(self, app: ASGIApp, url: str | None) -> None:
        self.app = app
        self.url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and own_origin(HTTPConnection(scope), self.url) is None:
            raise HTTPException(
                421,
                "This server does not answer to that name. Open it by 127.0.0.1, or set "
                "review.url in params.yaml to the address that people use.",
            )
        await self.app(scope, receive, send)


def own_origin(request: HTTPConnection, url: str | None) -> str | None:
    """The origin by which the browser knows this server; None for a name that is not ours."""
    hosts = request.headers.getlist("host")
    if len(hosts) != 1:
        return None
    host = hosts[0].lower()
    if url and host in hosts_of(url):
        return url
    return f"{request.scope['scheme']}://{host}" if is_loopback(host) else None


def hosts_of(url: str) -> tuple[str, ...]:
    """How Host may name an address of the settings: with or without a usual port."""
    parts = urlsplit(url)
    host = parts.netloc
    return (host,) if parts.port else (host, f"{host}:{USUAL_PORTS[parts.scheme]}")


# --- body size ------------------------------------------------------------------------------------

# A body is read whole, up to a limit of bytes and of time, before anything looks at it.

MOST_BYTES = 1 << 20
MOST_SECONDS = 60.0  # who sends a byte now and then holds one of the server's few connections


class BodySize:
    """Refuses a body above the limit, whether it says its size or comes in chunks."""

    def __init__(self, app: ASGIApp, seconds: float = MOST_SECONDS) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            size = Headers(scope=scope).get("content-length", "0")
            if not size.isdecimal() or len(size) > 9 or int(size) > MOST_BYTES:
                raise too_large()
            receive = replayed(await self.in_time(receive), receive)
        await self.app(scope, receive, send)

    async def in_time(self, receive: Receive) -> bytes:
        try:
            async with asyncio.timeout(self.seconds):
                return await whole_body(receive)
        except TimeoutError:
            raise HTTPException(408, "This request took too long to arrive.") from None


async def whole_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise too_large()
        if not message.get("more_body"):
            return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """The same body again, and then whatever comes next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message


def too_large() -> HTTPException:
    return HTTPException(413, f"A request may hold {MOST_BYTES >> 20} MiB at most.")


# --- request rate ---------------------------------------------------------------------------------

# Whoever asks too often is told to wait: by name, or by address where nobody is signed in.


class RequestRate:
    def __init__(self, app: ASGIApp, buckets: Buckets) -> None:
        self.app = app
        self.buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/assets/"):
            refuse_haste(self.buckets, asker(HTTPConnection(scope)))
        await self.app(scope, receive, send)


def asker(request: HTTPConnection) -> str:
    """By name, as one person can begin many sessions."""
    person: Person | None = getattr(request.state, "person", None)
    return f"person {person.name}" if person else f"address {address_of(request)}"


def address_of(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""


def refuse_haste(buckets: Buckets, key: str) -> None:
    """Raise the 429 that says how long to wait, if the bucket is empty."""
    if wait := buckets.wait(key):
        seconds = math.ceil(wait)
        text = f"Too many requests: wait {seconds} s, then try again."
        raise HTTPException(429, text, headers={"Retry-After": str(seconds)})


# --- same site ------------------------------------------------------------------------------------

# A write comes from a page of ours, and from the session that it writes for.
#
# SameSite=Strict on the cookie keeps other sites out already; Origin and token hold where a
# browser, an extension or a page on another port of this host does not.

SAFE = ("GET", "HEAD")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SIGN_IN = "/sign-in"  # before it there is no session whose token could be asked for


class SameSite:
    def __init__(self, app: ASGIApp, gate: AccessControl) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE:
            request = HTTPConnection(scope)
            if not self.is_ours(request):
                raise HTTPException(
                    403, "This was sent by another page than ours. Nothing is done."
                )
            if scope["path"] != SIGN_IN:
                body = await whole_body(receive)
                receive = replayed(body, receive)
                await self.require_token(request, Request(scope, replayed(body, receive)))
        await self.app(scope, receive, send)

    def is_ours(self, request: HTTPConnection) -> bool:
        """By Origin, which browsers send with every write; else by what they say of the sender."""
        origin = request.headers.get("origin")
        if origin is None:
            return request.headers.get("sec-fetch-site") == "same-origin"
        return origin.lower() == own_origin(request, self.gate.site.params.url)

    async def require_token(self, request: HTTPConnection, whole: Request) -> None:
        session = getattr(request.state, "session_id", None)
        given = request.headers.get("x-csrf-token") or await in_form(whole)
        if session is None or not self.gate.sessions.is_csrf(session, given):
            raise HTTPException(
                403,
                "This form is of another session. Nothing is done: go back, load the page again, "
                "and send it once more.",
            )


async def in_form(request: Request) -> str:
    """The token in a form's field csrf."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORMS:
        return ""
    try:
        form = await request.form(max_files=0, max_fields=1000)
    except (StarletteError, ValueError) as error:  # the latter of an encoding that is none
        raise HTTPException(400, "This form cannot be read.") from error
    given = form.get("csrf")
    return given if isinstance(given, str) else ""


# --- who is there ---------------------------------------------------------------------------------

# Nobody gets further without being known, but to the sign-in and what it is drawn with.

OPEN = ("/sign-in", "/healthz")


class UnknownPersonError(Exception):
    """A request that needs somebody, from nobody that we know."""


class WhoIsThere:
    def __init__(self, app: ASGIApp, gate: AccessControl) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = HTTPConnection(scope)
            signed_in = self.gate.found(request)
            if signed_in:
                request.state.person = self.gate.person(*signed_in)
                request.state.session_id = signed_in[1]
            elif not is_open(scope["path"]):
                refuse_haste(self.gate.requests, asker(request))
                raise UnknownPersonError
        await self.app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a page is for everybody."""
    return path in OPEN or path.startswith(("/assets/", "/sign-in/"))
