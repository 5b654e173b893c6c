"""What every server has: whether it is alive, and what programs can ask it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from review.frame.api_page import endpoints
from review.frame.pages import TEMPLATES, page

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
def healthz() -> PlainTextResponse:
    """For whoever watches the server; it tells nothing of the project."""
    return PlainTextResponse("ok\n")


@router.get("/api")
def api(request: Request) -> HTMLResponse:
    """All that lies under /api."""
    found = tuple(endpoints(request.app.openapi()))
    return page(request, TEMPLATES / "api.html", endpoints=found)
