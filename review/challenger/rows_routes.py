"""The page of the rows that a version has learnt and its opponent has not, and the reverse."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from registry.lineage import trace
from registry.store import Registry
from review.access.users_file import ThePerson
from review.challenger.challenger_review import compared_with
from review.challenger.changes import FETCH, ChangedRows, Which, changed_rows
from review.frame.form_fields import VersionNumber, known_version
from review.frame.pages import page
from review.frame.paging import PageNumber
from review.site import TheSite

TEMPLATES = Path(__file__).parent / "templates"

Shown = Annotated[PageNumber, Query(alias="page")]
Kind = Annotated[Which, Query(description="added: only the version has learnt them; removed: not.")]

router = APIRouter(tags=["review"])


@router.get("/review/{number}/rows", response_class=HTMLResponse)
def show_rows(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    which: Kind = "added",
    shown: Shown = 1,
) -> HTMLResponse:
    """The rows that only one of the two has learnt."""
    found = rows_found(site.registry(person.name), number, which, shown)
    return page(request, TEMPLATES / "changed_rows.html", found=found, fetch=FETCH)


@router.get("/api/review/{number}/rows")
def read_rows(
    number: VersionNumber,
    site: TheSite,
    person: ThePerson,
    which: Kind = "added",
    shown: Shown = 1,
) -> ChangedRows:
    """The training rows that only one of the two has learnt, 50 on a page."""
    return rows_found(site.registry(person.name), number, which, shown)


def rows_found(registry: Registry, number: int, which: Which, shown: int) -> ChangedRows:
    version = known_version(registry, number)
    other = compared_with(registry, trace(registry, number))
    return changed_rows(registry, version, other, which, shown)
