"""The registry's pages, each also as JSON."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse

from registry.overview.model_card import card
from registry.overview.version_search import VersionStanding, search
from registry.reader import RegistryReader
from review.access.users_file import Person, ThePerson
from review.frame.form_fields import Number, VersionNumber, known_version
from review.frame.pages import page
from review.frame.paging import NumberedPage, page_count
from review.site import Site, TheSite
from review.versions import delete_routes, history_routes, lineage_routes, verify_routes
from review.versions.version_comparison import VersionComparison, compare
from review.versions.version_page import (
    PAGE,
    CompareQuery,
    VersionPage,
    VersionsQuery,
    version_page,
)
from review.voting.blinding import traced

TEMPLATES = Path(__file__).parent / "templates"
COLUMNS = 120  # of the model card's text

router = APIRouter(tags=["versions"])
for other in (delete_routes, history_routes, lineage_routes, verify_routes):
    router.include_router(other.router)

Versions = Annotated[VersionsQuery, Query()]
Two = Annotated[CompareQuery, Query()]


class MarkdownResponse(PlainTextResponse):
    media_type = "text/markdown"


class VersionsPage(NumberedPage):
    """Some of the versions, the newest first."""

    versions: tuple[VersionStanding, ...]

    @classmethod
    def of(cls, reader: RegistryReader, asked: VersionsQuery) -> "VersionsPage":
        found = search(reader, asked.chosen, limit=PAGE, skip=asked.skip)
        pages = page_count(found.total, PAGE)
        return cls(total=found.total, page=asked.page, pages=pages, versions=found.versions)


@router.get("/versions", response_class=HTMLResponse)
def show_versions(
    request: Request, site: TheSite, person: ThePerson, asked: Versions
) -> HTMLResponse:
    found = VersionsPage.of(site.registry(person.name), asked)
    return page(request, TEMPLATES / "versions.html", found=found, asked=asked)


@router.get("/api/versions")
def read_versions(site: TheSite, person: ThePerson, asked: Versions) -> VersionsPage:
    """Versions with what came of each, 50 a page, the newest first."""
    return VersionsPage.of(site.registry(person.name), asked)


@router.get("/versions/compare", response_class=HTMLResponse)
def show_comparison(request: Request, site: TheSite, person: ThePerson, asked: Two) -> HTMLResponse:
    reader = site.registry(person.name)
    champion = reader.champion()
    blind = not person.decides
    found = (
        version_comparison(reader, asked.a, asked.b, blind=blind) if asked.a and asked.b else None
    )
    a = asked.a or (champion.number if champion else None)
    return page(request, TEMPLATES / "compare.html", found=found, a=a, b=asked.b)


@router.get("/api/versions/compare")
def read_comparison(
    site: TheSite,
    person: ThePerson,
    a: Annotated[Number, Query()],
    b: Annotated[Number, Query()],
) -> VersionComparison:
    """Two versions side by side, and whether what was measured of them may be compared."""
    return version_comparison(site.registry(person.name), a, b, blind=not person.decides)


@router.get("/versions/{number}", response_class=HTMLResponse)
def show_version(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    found = known_version_page(site, person, number)
    blind = not person.decides
    return page(request, TEMPLATES / "version.html", found=found, number=number, blind=blind)


@router.get("/api/versions/{number}")
def read_version(site: TheSite, person: ThePerson, number: VersionNumber) -> VersionPage:
    """One version: what it is, where it comes from, and all that happened to it."""
    return known_version_page(site, person, number)


@router.get("/versions/{number}/card", response_class=HTMLResponse)
def show_card(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    text = card_of(site.registry(person.name), number, blind=not person.decides)
    return page(request, TEMPLATES / "card.html", text=text, number=number)


@router.get("/api/versions/{number}/card", response_class=MarkdownResponse)
def read_card(site: TheSite, person: ThePerson, number: VersionNumber) -> MarkdownResponse:
    """The model card, in Markdown, as `incumbent registry export` writes it."""
    text = card_of(site.registry(person.name), number, blind=not person.decides)
    return MarkdownResponse(text)


# --- pages of versions that there are -----------------------------------------------------------


def known_version_page(site: Site, person: Person, number: int) -> VersionPage:
    reader = site.registry(person.name)
    known_version(reader, number)
    return version_page(reader, number, blind=not person.decides)


def version_comparison(reader: RegistryReader, a: int, b: int, *, blind: bool) -> VersionComparison:
    for number in (a, b):
        known_version(reader, number)
    return compare(reader, a, b, blind=blind)


def card_of(reader: RegistryReader, number: int, *, blind: bool) -> str:
    known_version(reader, number)
    return card(traced(reader, number, blind=blind))
