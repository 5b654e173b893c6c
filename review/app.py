"""The application: the routes of all areas behind one access control."""

from functools import partial

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware

from review import home_page as home
from review import night_routes as nights
from review.access.access_control import AccessControl, gate_of
from review.access.request_checks import AllowedHost, BodySize, RequestRate, SameSite, WhoIsThere
from review.challenger import challenger_routes as challenger
from review.challenger import item_routes as items
from review.data_pages import data_routes as data_pages
from review.dossier import dossier_routes as dossier
from review.frame import api_routes as frame
from review.frame import sign_in_routes as sign_in
from review.frame.api_routes import SecurityHeaders, api_description
from review.frame.error_pages import HANDLERS, PROBLEMS, broken
from review.frame.pages import ASSETS
from review.site import Site
from review.versions import version_routes as versions
from review.versions.verify_routes import LastCheck
from review.voting import voting_routes as voting

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
