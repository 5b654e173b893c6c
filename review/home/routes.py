"""The home page, and the same as JSON."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from review.access.people import ThePerson
from review.frame.pages import page
from review.home.home_page import HomePage, home_page
from review.home.quality_chart import panels
from review.site import TheSite

TEMPLATE = Path(__file__).parent / "templates" / "home.html"

router = APIRouter(tags=["home"])


@router.get("/", response_class=HTMLResponse)
def show_home(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """Where the project stands."""
    shown = read_home(site, person)
    return page(request, TEMPLATE, home=shown, panels=panels(shown.quality))


@router.get("/api/home")
def read_home(site: TheSite, person: ThePerson) -> HomePage:
    """Where the project stands: champion, what waits for you, quality over time, nights."""
    return home_page(site.registry(person.name), site.clock(), person)
