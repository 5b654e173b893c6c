"""A page: a template of an area inside the frame that all have."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from project.canonical import digest_bytes, readable
from project.html import SHARED
from project.records.data import counted
from review.access.users_file import Person
from review.site import Site

TEMPLATES = Path(__file__).parent / "templates"
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
def environment(folder: Path) -> jinja2.Environment:
    """Templates of one area, which extend those of the frame; every value is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES, SHARED]),
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


def page(request: Request, template: Path, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill in a template that extends frame.html, or a part of one that stands alone."""
    site: Site = request.app.state.site
    person: Person | None = getattr(request.state, "person", None)
    found = environment(template.parent).get_template(template.name)
    text = found.render(
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
