"""A page: a template of an area inside the frame that all have; and what went wrong, as one."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteError

from project.canonical import digest_bytes, readable
from project.errors import IncumbentError, InputError, plain_words
from project.html import SHARED
from project.records.data import counted
from review.frame.request_checks import UnknownPersonError
from review.frame.users_file import local
from review.site import Person, Site

# --- pages ----------------------------------------------------------------------------------------

REVIEW = Path(__file__).parents[1]
# Of all areas; no two of their templates have one name.
FOLDERS = (REVIEW / "templates", *sorted(REVIEW.glob("*/templates")))
# The pages that the frame links to: what they are called, and where they are.
NAVIGATION = (
    ("Home", "/"),
    ("Versions", "/versions"),
    ("Items", "/items"),
    ("Data", "/data"),
    ("Nights", "/nights"),
    ("History", "/history"),
    ("API", "/api"),
)


@cache
def environment(*more: Path) -> jinja2.Environment:
    """Templates of these folders and of all areas, in the frame; every value is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*more, *FOLDERS, SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "asset": asset,
        "counted": counted,
        "readable": readable,
        "rendered": rendered,
    }
    return made


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill in a template that extends frame.html, or a part of one that stands alone."""
    site: Site = request.app.state.site
    person: Person | None = getattr(request.state, "person", None)
    made = environment().get_template(template)
    text = made.render(
        family=site.family,
        person=person,
        csrf=person.csrf if person else "",
        signs_out=site.params.sign_in != "proxy",  # which would sign in again at once
        navigation=NAVIGATION,
        here=request.url.path,
        **values,
    )
    return HTMLResponse(text, status)


# --- markdown -------------------------------------------------------------------------------------

# Markdown as HTML that is safe to show: no HTML of its own, no pictures, no styles, and links that
# vouch for nothing.

DEEPEST = 6  # of HTML's headings
REL = "nofollow noopener noreferrer"
OPEN = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>\n'


def rendered(text: str, under: int) -> Markup:
    """Its headings come below one of level `under`, so that the page has one outline. What stands
    in front as metadata, between two lines of dashes, is left out.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(without_metadata(text))
    for token in each(tokens):
        fit(token, under)
    parser.add_render_rule("table_open", lambda *_: OPEN)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def without_metadata(text: str) -> str:
    _, _, body = text.removeprefix("---\n").partition("\n---\n")
    return body if text.startswith("---\n") and body else text


def each(tokens: Sequence[Token]) -> list[Token]:
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def fit(token: Token, under: int) -> None:
    """Change a token so that it fits into a page of ours."""
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(DEEPEST, int(token.tag[1]) + under)}"
    if token.type == "link_open":
        token.attrSet("rel", REL)
    if "style" in token.attrs:  # how a column is aligned: the policy for browsers forbids styles
        kept: dict[str, Any] = {"class": "number"} if "right" in str(token.attrs["style"]) else {}
        token.attrs = kept


# --- assets folder --------------------------------------------------------------------------------

# Style, script and htmx, each with the digest of its bytes in its address.

FOLDER = Path(__file__).parent / "assets"
ASSETS = StaticFiles(directory=FOLDER)


@cache
def asset(name: str) -> str:
    """The address of an asset; other bytes have another one."""
    return f"/assets/{name}?v={digest_bytes((FOLDER / name).read_bytes())[:12]}"


# --- error pages ----------------------------------------------------------------------------------

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
        made = page(request, "error.html", status, problem=problem)
    made.headers.update(headers or {})
    return made


def is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def refused(request: Request, error: Exception) -> Response:
    """What a route or a check refused."""
    assert isinstance(error, StarletteError)
    status = HTTPStatus(error.status_code)
    text = error.detail if error.detail != status.phrase else WORDS.get(status, status.description)
    return answer(request, status, text, dict(error.headers or {}))


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
    """A parameter or a field of a form that is not what it has to be. Where it is part of a page's
    address, there is no such page.
    """
    assert isinstance(error, RequestValidationError)
    if not is_api(request) and any(fault["loc"][0] == "path" for fault in error.errors()):
        return answer(request, 404, WORDS[404])
    wrong = [
        f"{'.'.join(map(str, fault['loc'][1:]))}: {plain_words(fault['msg'])}"
        for fault in error.errors()
    ]
    return answer(request, 422, "; ".join(wrong))


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
    return page(request, "onward.html", to=local(to))


Handler = Callable[[Request, Exception], Coroutine[Any, Any, Response]]
HANDLERS: dict[int | type[Exception], Handler] = {
    StarletteError: refused,
    HTTPException: refused,
    RequestValidationError: invalid,
    InputError: bad_input,
    IncumbentError: failed,
    UnknownPersonError: nobody,
}
