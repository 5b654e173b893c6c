"""The page of an empty registry, and browsers that are signed in to it."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from project.settings import PARAMS
from registry.store import Registry
from review.frame.access_control import AccessControl
from review.page_server import create_app
from review.review_settings import ReviewParams
from review.site import Site

ADDRESS = "http://127.0.0.1:8765"


class Browser(TestClient):
    """A browser that sends what browsers send with a form: Origin, cookies, and the page's token.

    It follows no redirect, so that a test sees where a write leads.
    """

    def __init__(self, app: FastAPI, name: str | None = None) -> None:
        super().__init__(app, ADDRESS, raise_server_exceptions=False, follow_redirects=False)
        self.name = name
        self.csrf = ""
        self.headers["Origin"] = ADDRESS
        if name:
            gate: AccessControl = app.state.gate
            proof = gate.users.proof(name) if gate.users else None
            session = gate.sessions.begin(name, gate.site.clock(), proof or "")
            self.csrf = gate.sessions.csrf(session.id)
            self.cookies.set(gate.sessions.cookie, gate.sessions.sealed(session))

    def send_form(self, path: str, **fields: object) -> Response:
        """Post a form of a page."""
        return self.post(path, data={"csrf": self.csrf, **fields})


Browsers = Callable[[str], Browser]


@pytest.fixture
def site(registry: Registry) -> Site:
    """The page's site over the empty registry of family "test"; settings are the defaults."""
    if not PARAMS.exists():
        PARAMS.write_text("registry: {family: test}\n")
    return Site(registry, ReviewParams(), b"s" * 32, clock=registry.clock)


@pytest.fixture
def app(site: Site) -> FastAPI:
    return create_app(site)


@pytest.fixture
def browser(app: FastAPI) -> Browsers:
    """Browsers of several people on one server: `browser("bob")`."""
    return lambda name: Browser(app, name)


@pytest.fixture
def client(app: FastAPI) -> Iterator[Browser]:
    """Ann's browser."""
    yield Browser(app, "ann")


def post(client: Browser, path: str, **fields: object) -> Response:
    """Post a form of a page, as its browser would."""
    return client.send_form(path, **fields)
