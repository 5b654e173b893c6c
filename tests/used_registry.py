"""A registry in use, for tests of what is made of the whole of it; and what comes in between."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from monitoring.night_context import MarkedFolder as Folder
from monitoring.night_context import settle
from monitoring.scheduling import outbox, runs
from monitoring.scheduling.heartbeats import Heartbeat, beat
from monitoring.scheduling.outbox import record_try
from project.records.record import Digest
from registry.notices import Notice, put
from registry.storage.artifact_store import Blobs
from registry.storage.database import writing
from registry.storage.tables import metadata
from registry.store import Registry
from tests.places import Place, submit, ticking, win

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE, HOUR = timedelta(minutes=10), timedelta(hours=1)
LATER = NOW + HOUR
Rows = dict[str, list[Any]]


def used(place: Place, folder: Path) -> Place:
    """A champion, and what jobs leave: a night that is done, one that runs, notices, a folder."""
    with place.open(ticking()) as registry:
        win(registry, "first", folder)
        win(registry, "second", folder)
        registry.delete(submit(registry, "third", folder).number, "not needed")
        for day in (1, 2):
            claim = runs.claim(registry.engine, "nightly", date(2026, 3, day), "old", NOW, LEASE)
            assert claim is not None
            if day == 1:
                with writing(registry.engine) as connection:
                    runs.finish(connection, claim, NOW, "done")
        beat(registry.engine, heartbeat("old"))
        for key in ("sent", "pending"):
            with writing(registry.engine) as connection:
                put(connection, notice(key), NOW)
        letter = outbox.take(registry.engine, NOW, HOUR)
        assert letter is not None
        letter = record_try(registry.engine, letter, "webhook", "host", NOW, 1.0, None)
        outbox.close(registry.engine, letter, NOW)
        settle(registry.engine, folder_at("/old"), instead_of=None)
    return place


def heartbeat(holder: str) -> Heartbeat:
    at = "2026-03-02T12:00:00Z"
    return Heartbeat(holder=holder, at=at, doing=None, next_job=None, next_at=None)


def notice(key: str) -> Notice:
    return Notice(key=key, kind="night", text=f"the words of {key}, “quoted”\u2028and cut")


def folder_at(location: str) -> Folder:
    at = "2026-03-02T12:00:00.000Z"
    return Folder(family="test", kind="traffic", mark=location, location=location, at=at, by="t")


def add_a_row_of_each(registry: Registry) -> None:
    """New rows in the tables that count their rows themselves."""
    with writing(registry.engine) as connection:
        put(connection, notice("new"), LATER)
        observed = {"experiment": 1, "unit": "u", "arm": "champion", "metric": "rating"}
        row = observed | {"value": 1.0, "at": "2026"}
        connection.execute(insert(metadata.tables["observations"]).values(row))
    letter = outbox.take(registry.engine, LATER, HOUR)
    assert letter is not None
    record_try(registry.engine, letter, "webhook", "host", LATER, 1.0, "no answer")
    settle(registry.engine, folder_at("/new"), instead_of="/old")


def rows_of(registry: Registry) -> Rows:
    """Everything in the database."""
    with registry.engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in metadata.sorted_tables
        }


class Meanwhile(Blobs):
    """A folder of artifacts; something else comes in before the first call of one kind."""

    def __init__(self, root: Path, meanwhile: Callable[[], object], at: str) -> None:
        super().__init__(root)
        self.meanwhile, self.at = [meanwhile], at

    def come_in(self, at: str) -> None:
        while self.at == at and self.meanwhile:
            self.meanwhile.pop()()

    def pieces(self, name: Digest) -> Any:
        self.come_in("pieces")
        return super().pieces(name)

    def sizes(self) -> dict[Digest, int]:
        self.come_in("sizes")
        return super().sizes()

    def adopt(self, drafts: Sequence[Path]) -> list[Digest]:
        self.come_in("adopt")
        return super().adopt(drafts)
