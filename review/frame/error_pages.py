"""What went wrong, as a page for people and as a problem (RFC 9457) for programs under /api."""

import logging
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteError

from project.errors import IncumbentError, InputError
from review.access.request_checks import UnknownPersonError
from review.access.sessions import local
from review.frame.pages import TEMPLATES, page

LOG = logging.getLogger(__name__)
# What a page says where the error brings no words of its own.
WORDS = {
    404: "There is nothing at this address.",
    405: "This address does not take such a request.",
    500: "This is a fault of the server, and not yours. Its log says what happened. Nothing is "
    "half done: try again, and report it if it comes back.",
}


class Problem(BaseModel):
    """Why a request was not answered."""

    status: int
    title: str
    detail: str


MEDIA = "application/problem+json"
# What any route may answer with, for the OpenAPI description.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA: {"schema": Problem.model_json_schema()}},
    }
    for status in (400, 401, 403, 404, 409, 413, 421, 422, 429)
}


def answer(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """A problem under /api, else a page."""
    problem = Problem(status=status, title=HTTPStatus(status).phrase, detail=detail)
    if is_api(request):
        made: Response = JSONResponse(problem.model_dump(), status, media_type=MEDIA)
    else:
        made = page(request, TEMPLATES / "error.html", status, problem=problem)
    made.headers.update(headers or {})
    return made


def is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def refused(request: Request, error: Exception) -> Response:
    """What a route or a check refused."""
    assert isinstance(error, StarletteError)
    status = HTTPStatus(error.status_code)
    own = error.detail if error.detail != status.phrase else WORDS.get(status, status.description)
    return answer(request, status, own, dict(error.headers or {}))


async def bad_input(request: Request, error: Exception) -> Response:
    return answer(request, 400, error_text(request, error))


async def failed(request: Request, error: Exception) -> Response:
    """The registry said no: what was asked for does not go with what is there now."""
    return answer(request, 409, error_text(request, error))


def error_text(request: Request, error: Exception) -> str:
    """What is wrong, for who is signed in: it may name files of the project, and people in them."""
    if getattr(request.state, "person", None):
        return str(error)
    LOG.error("%s %s: %s", request.method, request.url.path, error)
    return "This server is not set up rightly. Its log says what is wrong."


async def invalid(request: Request, error: Exception) -> Response:
    """A parameter or a field of a form that is not what it has to be."""
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
    return answer(request, 422, "; ".join(found))


async def broken(request: Request, error: Exception) -> Response:
    LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    return answer(request, 500, WORDS[500])


async def nobody(request: Request, error: Exception) -> Response:
    """A redirection to the sign-in, and from there back to what was asked for."""
    if is_api(request) or "hx-request" in request.headers:
        return answer(request, 401, "Sign in first.")  # htmx would put the sign-in into the page
    wanted = path_as_sent(request) if request.method == "GET" else "/"
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        return onward(request, wanted)
    return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", 303)


def path_as_sent(request: Request) -> str:
    """The path as the browser sent it: decoded, it may be another one, or another host's."""
    path = str(request.scope.get("raw_path", b""), "ascii", "replace")
    return path + (f"?{request.url.query}" if request.url.query else "")


def onward(request: Request, to: str) -> Response:
    """A page that goes on by itself: browsers send a strict cookie only from a page of this site,
    and so not with the first request from a link in a message or from a provider.
    """
    return page(request, TEMPLATES / "onward.html", to=local(to))


Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
HANDLERS: dict[int | type[Exception], Handler] = {
    StarletteError: refused,
    HTTPException: refused,
    RequestValidationError: invalid,
    InputError: bad_input,
    IncumbentError: failed,
    UnknownPersonError: nobody,
}
