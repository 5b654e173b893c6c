"""All that the home page says, gathered in a few queries."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from project.records.record import Record
from registry.ballots.open_votes import open_votes
from registry.overview.version_search import counts
from registry.reader import RegistryReader
from registry.storage.database import reading
from review.access.people import Person
from review.data_pages.waiting import waiting
from review.home import tasks
from review.home.quality_chart import ChampionCard, Quality, champion_card, quality
from review.home.tasks import LastNight, SchedulerLine, Task, last_nights, schedulers
from review.traffic.version_traffic import (
    ChampionTraffic,
    ExperimentView,
    champion_traffic,
    running,
)


class HomePage(Record):
    """Where the project stands, and what needs a person."""

    family: str
    families: int  # in the registry, with this one
    versions: int  # with the deleted ones
    deleted: int
    tasks: tuple[Task, ...]  # of whoever looks, the most urgent first
    champion: ChampionCard | None  # None: there was none yet
    traffic: ChampionTraffic | None  # None: no champion, or no gateway ever told of one
    experiment: ExperimentView | None  # the one that runs
    quality: Quality
    nights: tuple[LastNight, ...]  # the newest first
    schedulers: tuple[SchedulerLine, ...]


def home_page(reader: RegistryReader, now: datetime, person: Person) -> HomePage:
    """As one person sees it. Raises IncumbentError for a record that was changed."""
    lines = last_nights(reader.engine, reader.family)
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
        tasks=tuple(tasks_of(reader, now, person, traffic, lines, beats)),
        champion=champion,
        traffic=traffic,
        experiment=running(reader),
        quality=quality(reader),
        nights=lines,
        schedulers=beats,
    )


def tasks_of(
    reader: RegistryReader,
    now: datetime,
    person: Person,
    traffic: ChampionTraffic | None,
    lines: Sequence[LastNight],
    beats: Sequence[SchedulerLine],
) -> Iterator[Task]:
    """What waits, the most urgent first: votes and data for those alone who may do it."""
    asked = open_votes(reader) if person.may("vote") else ()
    yield from tasks.undeployed(traffic)
    yield from tasks.nights(lines)
    yield from tasks.reviews(reader, blind=not person.decides)
    yield from tasks.sealed_votes(reader, asked)
    yield from tasks.silent(beats)
    if person.may("promote"):
        yield from tasks.data(waiting(now.date()))
    yield from tasks.dev_votes(reader, asked)
