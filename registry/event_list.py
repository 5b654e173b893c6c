"""A family's events a page at a time: filtered by the database, the newest first."""

import json
from typing import Any

from sqlalchemy import JSON, ColumnElement, Connection, Select, cast, func, select, type_coerce

from project.records.events import Event, EventKind
from project.records.record import Record
from registry.storage.tables import event_of, events


class EventFilter(Record):
    """Which events are asked for; what is None or empty leaves nothing out."""

    kinds: tuple[EventKind, ...] = ()  # none: all
    without: tuple[str, ...] = ()
    version: int | None = None
    actor: str | None = None
    since: str | None = None  # RFC 3339, UTC, as events have it; it is in
    until: str | None = None  # it is in too
    text: str = ""  # anywhere in the stored event, in capitals or not


def newest_events(
    connection: Connection,
    family: str,
    chosen: EventFilter | None = None,
    *,
    before: int | None = None,
    limit: int | None = None,
) -> list[Event]:
    """Events before `before`, the newest first. Raises IncumbentError for a changed one."""
    query = select(events).where(*conditions(connection, family, chosen or EventFilter()))
    if before is not None:
        query = query.where(events.c.seq < before)
    ordered: Select[Any] = query.order_by(events.c.seq.desc()).limit(limit)
    return [event_of(row) for row in connection.execute(ordered)]


def count_events(connection: Connection, family: str, chosen: EventFilter) -> int:
    where = conditions(connection, family, chosen)
    return connection.execute(select(func.count()).select_from(events).where(*where)).scalar_one()


def conditions(
    connection: Connection, family: str, chosen: EventFilter
) -> list[ColumnElement[bool]]:
    found = [events.c.family == family]
    if chosen.kinds:
        found.append(events.c.kind.in_(chosen.kinds))
    if chosen.without:
        found.append(events.c.kind.not_in(chosen.without))
    if chosen.version is not None:
        found.append(events.c.number == chosen.version)
    if chosen.actor:
        found.append(event_field(connection, "actor") == chosen.actor)
    if chosen.since:
        found.append(event_field(connection, "at") >= chosen.since)
    if chosen.until:
        found.append(event_field(connection, "at") <= chosen.until)
    if chosen.text:
        found.append(events.c.record.icontains(as_stored(chosen.text), autoescape=True))
    return found


def event_field(connection: Connection, field: str) -> ColumnElement[str]:
    """A field that stands in an event's record alone."""
    text: ColumnElement[Any] = events.c.record
    # SQLite would make a number of a text that is cast to JSON; PostgreSQL needs the cast.
    sqlite = connection.dialect.name == "sqlite"
    parsed = type_coerce(text, JSON) if sqlite else cast(text, JSON)
    found: ColumnElement[str] = parsed[field].as_string()
    return found


def as_stored(text: str) -> str:
    """A text as it stands inside of canonical JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
