"""Whoever asks too often is told to wait: by name, or by address where nobody is signed in."""

import math

from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from project.rate_limit import Buckets
from review.access.people import Person


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
