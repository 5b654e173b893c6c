"""The family's versions a page at a time, with what came of each."""

from typing import Any

from sqlalchemy import and_, func, select

from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade
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
