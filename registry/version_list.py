"""The family's versions a page at a time, with what came of each."""

import json
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    and_,
    cast,
    func,
    select,
    type_coerce,
)

from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Event, EventKind
from project.records.evidence import Verdict
from project.records.record import Record
from registry.reader import RegistryReader, parsed
from registry.state import CHAMPION
from registry.storage.event_chain import event_of
from registry.storage.tables import aliases, events, versions


class Entry(Record):
    """One version, the newest verdict on it, and whether it is the champion."""

    version: AdapterVersion
    verdict: Verdict | None
    champion: bool


def newest(
    reader: RegistryReader, limit: int | None = None, before: int | None = None
) -> list[Entry]:
    """The newest `limit` versions that were not deleted, oldest first; with numbers below `before`.

    One query. Raises IncumbentError for a version or a decision that was changed.
    """
    own = events.alias()
    newest_decision = (
        select(func.max(own.c.seq))
        .where(
            own.c.family == versions.c.family,
            own.c.number == versions.c.number,
            own.c.kind == "decide",
        )
        .correlate(versions)
        .scalar_subquery()
    )
    is_champion = and_(
        aliases.c.family == versions.c.family,
        aliases.c.number == versions.c.number,
        aliases.c.name == CHAMPION,
    )
    query = (
        select(versions.c.record.label("version"), aliases.c.name.label("alias"), events)
        .select_from(versions)
        .outerjoin(events, events.c.seq == newest_decision)
        .outerjoin(aliases, is_champion)
        .where(versions.c.family == reader.family, versions.c.deleted.is_(False))
    )
    if before is not None:
        query = query.where(versions.c.number < before)
    query = query.order_by(versions.c.number.desc()).limit(limit)
    with reader.engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        Entry(
            version=parsed(AdapterVersion, row.version),
            verdict=event_of(row).told(DecisionMade).verdict if row.seq else None,
            champion=row.alias is not None,
        )
        for row in reversed(rows)
    ]


def version_fields(
    version: AdapterVersion, verdict: Verdict | None, champion: bool
) -> dict[str, Any]:
    """A version in a list, for programs."""
    return version.model_dump(mode="json") | {
        "verdict": verdict.value if verdict else None,
        "champion": champion,
    }


# --- event list -----------------------------------------------------------------------------------

# A family's events a page at a time: filtered by the database, the newest first.


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
    """Events with numbers below `before`, the newest first.

    Raises IncumbentError for one that was changed.
    """
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
        found.append(told(connection, "actor") == chosen.actor)
    if chosen.since:
        found.append(told(connection, "at") >= chosen.since)
    if chosen.until:
        found.append(told(connection, "at") <= chosen.until)
    if chosen.text:
        found.append(events.c.record.icontains(as_stored(chosen.text), autoescape=True))
    return found


def told(connection: Connection, field: str) -> ColumnElement[str]:
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
