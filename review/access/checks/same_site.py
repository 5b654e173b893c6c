"""A write comes from a page of ours, and from the session that it writes for.

SameSite=Strict on the cookie keeps other sites out already; Origin and token hold where a browser,
an extension or a page on another port of this host does not.
"""

from fastapi import HTTPException
from starlette.exceptions import HTTPException as StarletteError
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from review.access.checks.allowed_host import own_origin
from review.access.checks.body_size import replayed, whole_body
from review.access.gate import Gate

SAFE = ("GET", "HEAD")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SIGN_IN = "/sign-in"  # before it there is no session whose token could be asked for


class SameSite:
    def __init__(self, app: ASGIApp, gate: Gate) -> None:
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
