"""A page: a template of an area inside the frame that all have."""

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse

from project.records.data import counted
from project.times import readable
from review.access.people import Person
from review.frame.assets_folder import asset
from review.frame.markdown import rendered
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
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
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
