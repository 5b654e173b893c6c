"""Serve the pages until somebody ends it."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware

from project.child_processes import ended_by_signals
from project.errors import InputError
from project.files import home, secret_of
from project.listening import address_of, is_private, listening
from project.settings import load
from project.web_server import OpenConnections, WebServer
from registry.ballots.open_votes import open_votes
from registry.store import Registry
from review import home_page
from review import night_routes as nights
from review.challenger import challenger_review as challenger
from review.challenger import item_page as items
from review.data_pages import data_routes as data_pages
from review.dossier import dossier_routes as dossier
from review.frame import sign_in_routes as sign_in
from review.frame.access_control import AccessControl, gate_of
from review.frame.pages import ASSETS, HANDLERS, PROBLEMS, broken
from review.frame.request_checks import AllowedHost, BodySize, RequestRate, SameSite, WhoIsThere
from review.frame.sign_in_routes import SecurityHeaders, api_description
from review.review_settings import ReviewParams
from review.site import Site
from review.versions import version_routes as versions
from review.versions.version_routes import LastCheck
from review.voting import voting_routes as voting

# Of all areas, in the order of the navigation.
ROUTERS: tuple[APIRouter, ...] = (
    sign_in.router,
    home_page.router,
    challenger.router,
    voting.router,
    versions.router,
    items.router,
    data_pages.router,
    nights.router,
    nights.notice_router,
    dossier.router,
)


def create_app(site: Site, gate: AccessControl | None = None) -> FastAPI:
    """All pages of a project, and the same as JSON under /api."""
    gate = gate or gate_of(site)
    app = FastAPI(
        title="Incumbent",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        exception_handlers=HANDLERS,
        responses=PROBLEMS,
        middleware=checks(gate),
    )
    app.state.site = site
    app.state.gate = gate
    app.state.last_check = LastCheck()
    app.mount("/assets", ASSETS, name="assets")
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = partial(api_description, app)  # type: ignore[method-assign]  # FastAPI's way
    return app


def checks(gate: AccessControl) -> list[Middleware]:
    """What a request passes, from the outside to the routes."""
    params = gate.site.params
    return [
        Middleware(SecurityHeaders, secure=params.secure),
        Middleware(GZipMiddleware, minimum_size=1000),
        Middleware(ExceptionMiddleware, handlers={**HANDLERS, Exception: broken}),
        Middleware(AllowedHost, url=params.url),
        Middleware(WhoIsThere, gate=gate),
        Middleware(RequestRate, buckets=gate.requests),
        Middleware(BodySize),
        Middleware(SameSite, gate=gate),
    ]


PATIENCE = 2  # seconds for requests that are on their way when the server is ended
MOST_CONNECTIONS = 500


@contextmanager
def site_here() -> Iterator[Site]:
    """The site of the project in the current folder."""
    params = load(ReviewParams)
    with Registry.here() as registry:
        site = Site(registry, params, secret_of(home() / "review" / "secret"))
        site.rules.now()  # what stands now counts, whatever becomes of the files
        yield site


def refuse_open_address(host: str, params: ReviewParams) -> None:
    """Raise InputError for an address that others reach, where nobody has to say who they are."""
    if is_private(host):
        return
    if params.sign_in == "token":
        raise InputError(
            f"{host} can be reached by other machines, and the page is for one person on this one: "
            "set users, oidc or proxy (docs/how-to/people-and-judges.md says how), or leave --host "
            "out",
            field="review",
        )
    if params.url is None:
        raise InputError(
            f"{host} can be reached by other machines: say by which address people open the page, "
            "such as https://review.example.com, for no other one is answered",
            field="review.url",
        )


@dataclass(frozen=True)
class PageServer:
    """A project's pages behind a socket that listens already."""

    app: FastAPI
    socket: socket.socket

    @property
    def gate(self) -> AccessControl:
        gate: AccessControl = self.app.state.gate
        return gate

    @property
    def address(self) -> str:
        """How a browser finds the pages; with a token where one is needed."""
        shown = address_of(self.socket)
        params = self.gate.site.params
        if params.sign_in == "token":
            return f"http://{shown}/sign-in?token={self.gate.token.text}"
        return params.url or f"http://{shown}/"

    def web_server(self) -> WebServer:
        return WebServer(
            self.app,
            room=OpenConnections(0, strangers=MOST_CONNECTIONS),
            patience=PATIENCE,
            last=True,
        )

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM; then the process ends within 3 s, whatever hangs."""
        logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
        try:
            with ended_by_signals():
                self.web_server().serve_on(self.socket)
        except KeyboardInterrupt:
            pass  # it was asked to end, and did


@contextmanager
def server_here(host: str, port: int) -> Iterator[PageServer]:
    """A server for the project in the current folder, as its settings allow it."""
    with site_here() as site:
        refuse_open_address(host, site.params)
        open_votes(site.opened)  # what is read once of all votes, before anybody waits for it
        with listening(host, port, "incumbent review") as bound:
            yield PageServer(create_app(site), bound)
