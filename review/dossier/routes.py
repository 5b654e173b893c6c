"""A version's dossier in the frame, as a file, and as JSON."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse

from project.errors import InputError
from review.access.people import Person, ThePerson
from review.dossier.document import Dossier, Filled
from review.dossier.make_dossier import make_dossier
from review.dossier.standalone import html_of
from review.frame.pages import page
from review.site import Site, TheSite

router = APIRouter(tags=["dossier"])

TEMPLATE = Path(__file__).parent / "templates" / "dossier.html"
LARGEST = 2**31 - 1  # that every database has a number for

Number = Annotated[int, InPath(ge=1, le=LARGEST, description="The version's number.")]


@router.get("/dossier/{number}", response_class=HTMLResponse)
def show_dossier(
    request: Request, site: TheSite, person: ThePerson, number: Number
) -> HTMLResponse:
    """The dossier: what the records fill, and what a person must still write."""
    return page(request, TEMPLATE, dossier=dossier_of(site, person, number), filled=Filled)


@router.get("/dossier/{number}/file", response_class=HTMLResponse)
def download_dossier(site: TheSite, person: ThePerson, number: Number) -> Response:
    """The dossier as one HTML file, to keep and to print."""
    name = f"{site.family}-v{number}-dossier.html"  # a family is [a-z0-9-]
    return Response(
        html_of(dossier_of(site, person, number)),
        media_type="text/html; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/api/dossier/{number}")
def read_dossier(site: TheSite, person: ThePerson, number: Number) -> Dossier:
    """The dossier as JSON: parts, sections, and what each says."""
    return dossier_of(site, person, number)


def dossier_of(site: Site, person: Person, number: int) -> Dossier:
    """Raises HTTPException (404) when there is no such version."""
    registry = site.registry(person.name)
    try:
        registry.version(number)
    except InputError as error:
        raise HTTPException(404, str(error)) from None
    return make_dossier(registry, number, whole=False, notes=None)
