"""The first page: what waits for a person, and how the champion does."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from monitoring.duties import Duty, family_duties, ranked
from monitoring.night_history import KeptNight, last_nights
from monitoring.teams.family_overview import Overview, family_overview
from project.records.record import Record
from registry.ballots.open_votes import open_votes
from registry.overview.version_search import counts
from registry.reader import RegistryReader
from registry.storage.database import reading
from review import tasks
from review.access.users_file import Person, ThePerson
from review.data_pages.version_traffic import (
    ChampionTraffic,
    ExperimentView,
    champion_traffic,
    running,
)
from review.data_pages.waiting import waiting
from review.frame.pages import page
from review.quality_chart import ChampionCard, QualityHistory, champion_card, panels, quality
from review.site import TheSite
from review.tasks import REVIEWS, SHOWN, LastNight, SchedulerLine, night_line, schedulers
from review.voting.blinding import is_voted

# --- home page ------------------------------------------------------------------------------------

# All that the home page says, gathered in a few queries.


class HomePage(Record):
    """Where the project stands, and what needs a person."""

    family: str
    families: int  # in the registry, with this one
    versions: int  # with the deleted ones
    deleted: int
    tasks: tuple[Duty, ...]  # of whoever looks, the most urgent first
    champion: ChampionCard | None  # None: there was none yet
    traffic: ChampionTraffic | None  # None: no champion, or no gateway ever told of one
    experiment: ExperimentView | None  # the one that runs
    quality: QualityHistory
    nights: tuple[LastNight, ...]  # the newest first
    schedulers: tuple[SchedulerLine, ...]


def home_page(reader: RegistryReader, now: datetime, person: Person) -> HomePage:
    """The page as one person sees it. Raises IncumbentError for a record that was changed."""
    kept = last_nights(reader.engine, reader.family, SHOWN)[:SHOWN]
    beats = schedulers(reader.engine, now)
    with reading(reader.engine) as connection:
        number, deleted = counts(connection, reader.family)
    champion = champion_card(reader)
    traffic = champion_traffic(reader, champion.version) if champion else None
    return HomePage(
        family=reader.family,
        families=len(reader.families()) or 1,
        versions=number,
        deleted=deleted,
        tasks=ranked(tasks_of(reader, now, person, traffic, kept, beats)),
        champion=champion,
        traffic=traffic,
        experiment=running(reader),
        quality=quality(reader),
        nights=tuple(map(night_line, kept)),
        schedulers=beats,
    )


def tasks_of(
    reader: RegistryReader,
    now: datetime,
    person: Person,
    traffic: ChampionTraffic | None,
    kept: Sequence[KeptNight],
    beats: Sequence[SchedulerLine],
) -> Iterator[Duty]:
    """What waits: votes and data for those alone who may do it."""

    def hides(number: int) -> bool:
        """Whoever is blind is not told why a version won while people still vote on it."""
        return not person.decides and is_voted(reader, number)

    asked = open_votes(reader) if person.may("vote") else ()
    yield from tasks.undeployed(traffic)
    yield from family_duties(reader, kept, REVIEWS, hides)
    yield from tasks.sealed_votes(reader, asked)
    yield from tasks.silent(beats)
    if person.may("promote"):
        yield from tasks.data(waiting(now.date()))
    yield from tasks.dev_votes(reader, asked)


# --- home routes ----------------------------------------------------------------------------------

# The home page, and the same as JSON.

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
    """How they stand; words that may quote other families are for administrators alone."""
    overview = family_overview(reader, now)
    if person.may("administer"):
        return overview
    lines = (
        line if line.family == reader.family else line.without_details()
        for line in overview.families
    )
    return overview.model_copy(update={"families": tuple(lines), "schedulers": ()})
