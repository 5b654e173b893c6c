"""Nobody gets further without being known, but to the sign-in and what it is drawn with."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from review.access.checks.request_rate import asker, refuse_haste
from review.access.gate import Gate

OPEN = ("/sign-in", "/healthz")


class UnknownPersonError(Exception):
    """A request that needs somebody, from nobody that we know."""


class WhoIsThere:
    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = HTTPConnection(scope)
            found = self.gate.found(request)
            if found:
                request.state.person = self.gate.person(*found)
                request.state.session_id = found[1]
            elif not is_open(scope["path"]):
                refuse_haste(self.gate.requests, asker(request))
                raise UnknownPersonError
        await self.app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a page is for everybody."""
    return path in OPEN or path.startswith(("/assets/", "/sign-in/"))
