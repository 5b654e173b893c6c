"""A session begun, as the cookie that a browser gets."""

from typing import Annotated, Literal, TypedDict

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from review.access.gate import Gate
from review.access.sessions import HOURS


class CookieKind(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


def gate_of_app(request: Request) -> Gate:
    found: Gate = request.app.state.gate
    return found


TheGate = Annotated[Gate, Depends(gate_of_app)]
Next = Annotated[str, Query(alias="next", max_length=2000)]  # where to go then


def cookie_kind(gate: Gate) -> CookieKind:
    """Out of reach of scripts, and sent by pages of this site alone."""
    secure = gate.sessions.secure
    return CookieKind(path="/", secure=secure, httponly=True, samesite="strict")


def begun(gate: Gate, name: str, response: Response, proof: str = "") -> Response:
    """Begin a session. It never takes over what a browser brought: that may be somebody else's."""
    session = gate.sessions.begin(name, gate.site.clock(), proof)
    value = gate.sessions.sealed(session)
    response.set_cookie(gate.sessions.cookie, value, max_age=HOURS * 3600, **cookie_kind(gate))
    return response
