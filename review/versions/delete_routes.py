"""Deleting a version: a page that asks once more, and the deletion itself."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from review.access.users_file import Person, ThePerson
from review.frame.form_fields import Reason, VersionNumber, given_reason, known_version
from review.frame.pages import page
from review.site import TheSite

TEMPLATES = Path(__file__).parent / "templates"

router = APIRouter(tags=["versions"])


@router.get("/versions/{number}/delete", response_class=HTMLResponse)
def show_deletion(
    request: Request, site: TheSite, person: ThePerson, number: VersionNumber
) -> HTMLResponse:
    """What a deletion takes away, and the form that does it."""
    registry = site.registry(person.name)
    version = known_version(registry, number)
    held = [name for name, holder in registry.aliases().items() if holder == number]
    return page(
        request,
        TEMPLATES / "delete.html",
        label=version.label,
        number=number,
        held=held,
        deleted=registry.deleted(number),
        why_not=why_not(person),
    )


@router.post("/versions/{number}/delete", status_code=303, response_class=RedirectResponse)
def delete_version(
    site: TheSite, person: ThePerson, number: VersionNumber, reason: Reason = ""
) -> RedirectResponse:
    """Delete it, as `incumbent registry delete` does: its record and its history stay."""
    registry = site.registry(person.name)
    known_version(registry, number)
    registry.delete(number, given_reason(reason))
    return RedirectResponse(f"/versions/{number}", 303)


def why_not(person: Person) -> str | None:
    """Why somebody may not delete versions; None: they may."""
    if person.may("delete"):
        return None
    return f"{person.name} may not delete: that is for {person.roles.names('delete')}."
