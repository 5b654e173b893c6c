"""The home page, and the same as JSON."""

from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from monitoring.teams.family_overview import Overview, family_overview
from registry.reader import RegistryReader
from review.access.people import Person, ThePerson
from review.frame.pages import page
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


# --- families page --------------------------------------------------------------------------------

# All families of the registry, for whoever looks after more than one.


def families_page(reader: RegistryReader, now: datetime, person: Person) -> Overview:
    """How they stand. Words that may quote another family's rows or users are for those alone who
    administer. Raises IncumbentError for a record that was changed.
    """
    overview = family_overview(reader, now)
    if person.may("administer"):
        return overview
    lines = (
        line if line.family == reader.family else line.without_details()
        for line in overview.families
    )
    return overview.model_copy(update={"families": tuple(lines), "schedulers": ()})
