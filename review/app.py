"""The application: the routes of all areas behind one door."""

from functools import partial

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware

from review.access.gate import Gate, gate_of
from review.access.request_checks import AllowedHost, BodySize, RequestRate, SameSite, WhoIsThere
from review.challenger import routes as challenger
from review.data_pages import routes as data_pages
from review.dossier import routes as dossier
from review.frame import routes as frame
from review.frame.errors import HANDLERS, PROBLEMS, broken
from review.frame.pages import ASSETS
from review.frame.routes import SecurityHeaders, api_description
from review.home import routes as home
from review.items import routes as items
from review.nights import routes as nights
from review.sign_in import routes as sign_in
from review.site import Site
from review.versions import routes as versions
from review.versions.verify_routes import LastCheck
from review.voting import routes as voting

# Of all areas, in the order of the navigation.
ROUTERS: tuple[APIRouter, ...] = (
    frame.router,
    sign_in.router,
    home.router,
    challenger.router,
    voting.router,
    versions.router,
    items.router,
    data_pages.router,
    nights.router,
    dossier.router,
)


def create_app(site: Site, gate: Gate | None = None) -> FastAPI:
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


def checks(gate: Gate) -> list[Middleware]:
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
