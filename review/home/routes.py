"""The home page, and the same as JSON."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from monitoring.teams.family_overview import Overview
from review.access.people import ThePerson
from review.frame.pages import page
from review.home.families_page import families_page
from review.home.home_page import HomePage, home_page
from review.home.quality_chart import panels
from review.site import TheSite

TEMPLATE = Path(__file__).parent / "templates" / "home.html"
FAMILIES = TEMPLATE.with_name("families.html")

router = APIRouter(tags=["home"])


@router.get("/", response_class=HTMLResponse)
def show_home(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """Where the project stands."""
    shown = read_home(site, person)
    return page(request, TEMPLATE, home=shown, panels=panels(shown.quality))


@router.get("/families", response_class=HTMLResponse)
def show_families(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """How all families of the registry stand."""
    return page(request, FAMILIES, overview=read_families(site, person), own=site.family)


@router.get("/api/families")
def read_families(site: TheSite, person: ThePerson) -> Overview:
    """How all families of the registry stand, those first that need a person."""
    return families_page(site.registry(person.name), site.clock(), person)


@router.get("/api/home")
def read_home(site: TheSite, person: ThePerson) -> HomePage:
    """Where the project stands: champion, what waits for you, quality over time, nights."""
    return home_page(site.registry(person.name), site.clock(), person)
