"""A version's dossier in the frame, as a file, and as JSON."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from review.dossier.document import Dossier, Filled, html_of
from review.dossier.make_dossier import make_dossier
from review.frame.form_fields import VersionNumber, known_version
from review.frame.pages import page
from review.site import ThePerson, TheSite

router = APIRouter(tags=["dossier"])


@router.get("/dossier/{number}", response_class=HTMLResponse)
def show_dossier(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    """The dossier: what the records fill, and what a person must still write."""
    return page(request, "dossier.html", dossier=read_dossier(site, person, number), filled=Filled)


@router.get("/dossier/{number}/file", response_class=HTMLResponse)
def download_dossier(site: TheSite, person: ThePerson, number: VersionNumber) -> Response:
    """The dossier as one HTML file, to keep and to print."""
    name = f"{site.family}-v{number}-dossier.html"  # a family is [a-z0-9-]
    return Response(
        html_of(read_dossier(site, person, number)),
        media_type="text/html; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/api/dossier/{number}")
def read_dossier(site: TheSite, person: ThePerson, number: VersionNumber) -> Dossier:
    """The dossier as JSON: parts, sections, and what each says."""
    registry = site.registry(person.name)
    known_version(registry, number)
    return make_dossier(registry, number, whole=False, notes=None, blind=not person.decides)
