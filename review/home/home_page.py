"""All that the home page says, gathered in a few queries."""

from datetime import datetime

from project.records.record import Record
from registry.overview.version_search import counts
from registry.reader import RegistryReader
from registry.storage.database import reading
from review.data_pages.waiting import waiting
from review.home import tasks
from review.home.champion_card import ChampionCard, champion_card
from review.home.last_nights import LastNight, last_nights
from review.home.quality import Quality, quality
from review.home.schedulers import SchedulerLine, schedulers
from review.home.tasks import Task


class HomePage(Record):
    """Where the project stands, and what needs a person."""

    family: str
    versions: int  # with the deleted ones
    deleted: int
    tasks: tuple[Task, ...]  # the most urgent first
    champion: ChampionCard | None  # None: the bare base serves
    quality: Quality
    nights: tuple[LastNight, ...]  # the newest first
    schedulers: tuple[SchedulerLine, ...]


def home_page(reader: RegistryReader, now: datetime) -> HomePage:
    """Raises IncumbentError for a record of the registry that was changed."""
    lines = last_nights(reader.engine, reader.family)
    beats = schedulers(reader.engine, now)
    with reading(reader.engine) as connection:
        number, deleted = counts(connection, reader.family)
    return HomePage(
        family=reader.family,
        versions=number,
        deleted=deleted,
        tasks=(
            *tasks.nights(lines),
            *tasks.reviews(reader),
            *tasks.votes(reader),
            *tasks.silent(beats),
            *tasks.data(waiting(now.date())),
        ),
        champion=champion_card(reader),
        quality=quality(reader),
        nights=lines,
        schedulers=beats,
    )
