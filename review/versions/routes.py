"""The registry's pages, each also as JSON."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from project.records.record import Record
from registry.lineage import trace
from registry.model_card.card import card
from registry.overview.version_search import Found, search, standing
from registry.reader import RegistryReader
from review.access.people import ThePerson
from review.frame.pages import page
from review.site import TheSite
from review.versions import history_routes, lineage_routes, verify_routes
from review.versions.comparison import Comparison, compare
from review.versions.parameters import PAGE, CompareQuery, Number, VersionNumber, VersionsQuery
from review.versions.version_page import VersionPage, version_page

TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = 120  # of the model card's text

router = APIRouter(tags=["versions"])
for other in (history_routes, lineage_routes, verify_routes):
    router.include_router(other.router)

Versions = Annotated[VersionsQuery, Query()]
Two = Annotated[CompareQuery, Query()]


class MarkdownResponse(PlainTextResponse):
    media_type = "text/markdown"


class VersionsPage(Record):
    """Some of the versions, the newest first."""

    total: int  # that the filter lets through
    page: int
    pages: int
    found: Found

    @classmethod
    def of(cls, reader: RegistryReader, asked: VersionsQuery) -> "VersionsPage":
        found = search(reader, asked.chosen, limit=PAGE, skip=asked.skip)
        pages = max(1, -(-found.total // PAGE))
        return cls(total=found.total, page=asked.page, pages=pages, found=found)


@router.get("/versions", response_class=HTMLResponse, include_in_schema=False)
def list_versions(
    request: Request, site: TheSite, person: ThePerson, asked: Versions
) -> HTMLResponse:
    shown = VersionsPage.of(site.registry(person.name), asked)
    return page(request, TEMPLATES / "versions.html", shown=shown, asked=asked)


@router.get("/api/versions")
def read_versions(site: TheSite, person: ThePerson, asked: Versions) -> VersionsPage:
    """Versions with what came of each, 50 a page, the newest first."""
    return VersionsPage.of(site.registry(person.name), asked)


@router.get("/versions/compare", response_class=HTMLResponse, include_in_schema=False)
def show_comparison(request: Request, site: TheSite, person: ThePerson, asked: Two) -> HTMLResponse:
    reader = site.registry(person.name)
    champion = reader.champion()
    found = compared(reader, asked.a, asked.b) if asked.a and asked.b else None
    a = asked.a or (champion.number if champion else None)
    return page(request, TEMPLATES / "compare.html", found=found, a=a, b=asked.b)


@router.get("/api/versions/compare")
def read_comparison(
    site: TheSite,
    person: ThePerson,
    a: Annotated[Number, Query()],
    b: Annotated[Number, Query()],
) -> Comparison:
    """Two versions side by side, and whether what was measured of them may be compared."""
    return compared(site.registry(person.name), a, b)


@router.get("/versions/{number}", response_class=HTMLResponse, include_in_schema=False)
def show_version(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    found = known(site.registry(person.name), number)
    return page(request, TEMPLATES / "version.html", found=found, number=number)


@router.get("/api/versions/{number}")
def read_version(site: TheSite, person: ThePerson, number: VersionNumber) -> VersionPage:
    """One version: what it is, where it comes from, and all that happened to it."""
    return known(site.registry(person.name), number)


@router.get("/versions/{number}/card", response_class=HTMLResponse, include_in_schema=False)
def show_card(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    text = card_of(site.registry(person.name), number)
    return page(request, TEMPLATES / "card.html", text=text, number=number)


@router.get("/api/versions/{number}/card", response_class=MarkdownResponse)
def read_card(site: TheSite, person: ThePerson, number: VersionNumber) -> MarkdownResponse:
    """The model card, in Markdown, as `incumbent export` writes it."""
    text = card_of(site.registry(person.name), number)
    return MarkdownResponse(text)


# --- one level down -----------------------------------------------------------------------------


def known(reader: RegistryReader, number: int) -> VersionPage:
    if (found := version_page(reader, number)) is None:
        raise missing(reader, number)
    return found


def compared(reader: RegistryReader, a: int, b: int) -> Comparison:
    if (found := compare(reader, a, b)) is None:
        lacking = next(number for number in (a, b) if standing(reader, number) is None)
        raise missing(reader, lacking)
    return found


def card_of(reader: RegistryReader, number: int) -> str:
    if standing(reader, number) is None:
        raise missing(reader, number)
    return card(trace(reader, number))


def missing(reader: RegistryReader, number: int) -> HTTPException:
    return HTTPException(404, f"{reader.family} has no version {number}: see /versions")
