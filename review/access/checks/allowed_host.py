"""Only names of this machine, and the one in the settings, are answered.

A page elsewhere can point its own name at 127.0.0.1 (DNS rebinding): its requests then carry that
name. The port is not asked for, so that a forwarded one works.
"""

from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from project.listening import is_loopback
from review.review_settings import USUAL_PORTS


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
    """How Host may name an address of the settings: proxies may write a usual port, browsers leave
    it out.
    """
    parts = urlsplit(url)
    own = parts.netloc
    return (own,) if parts.port else (own, f"{own}:{USUAL_PORTS[parts.scheme]}")
