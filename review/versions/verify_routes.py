"""The registry's check: started by a button, and its newest result."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from review.access.people import ThePerson
from review.frame.pages import page
from review.site import TheSite
from review.versions.last_check import CheckMade, last_check

TEMPLATE = Path(__file__).parent / "templates" / "verify.html"

router = APIRouter()


@router.get("/verify", response_class=HTMLResponse)
def show_check(request: Request, person: ThePerson) -> HTMLResponse:
    made = last_check(request.app).made
    return page(request, TEMPLATE, made=made, may=person.may("administer"))


@router.post("/verify", response_class=RedirectResponse)
def start_check(request: Request, site: TheSite, person: ThePerson) -> RedirectResponse:
    last_check(request.app).check(site.registry(person.name))
    return RedirectResponse("/verify", 303)


@router.get("/api/verify")
def read_check(request: Request) -> CheckMade | None:
    """The newest check in this process; null: none was made yet."""
    return last_check(request.app).made


@router.post("/api/verify")
def make_check(request: Request, site: TheSite, person: ThePerson) -> CheckMade:
    """Check chain, tables, artifacts, signatures, and every decision again. It takes its time."""
    return last_check(request.app).check(site.registry(person.name))
