"""All that the home page says, gathered in a few queries."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from monitoring.duties import Duty, family_duties, ranked
from monitoring.night_history import KeptNight, last_nights
from project.records.record import Record
from registry.ballots.open_votes import open_votes
from registry.overview.version_search import counts
from registry.reader import RegistryReader
from registry.storage.database import reading
from review.access.people import Person
from review.data_pages.waiting import waiting
from review.home import tasks
from review.home.quality_chart import ChampionCard, QualityHistory, champion_card, quality
from review.home.tasks import REVIEWS, SHOWN, LastNight, SchedulerLine, night_line, schedulers
from review.traffic.version_traffic import (
    ChampionTraffic,
    ExperimentView,
    champion_traffic,
    running,
)
from review.voting.blinding import is_voted


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
    """As one person sees it. Raises IncumbentError for a record that was changed."""
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
