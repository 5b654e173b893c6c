"""The versions that won and wait for a person: to promote them, or to reject them."""

from typing import Any

from sqlalchemy import Select, and_, or_, select

from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Event
from project.records.evidence import Decision
from project.records.record import Record
from registry.overview.version_search import newest_seq, verdict_is
from registry.reader import RegistryReader, parsed
from registry.storage.database import reading
from registry.storage.tables import aliases, event_of, events, versions
from registry.tenure import CHAMPION


class WaitingReview(Record):
    """A version whose newest decision says PROMOTE, and that nobody promoted or rejected since."""

    version: AdapterVersion
    decided: Event


class WaitingReviews(Record):
    """Those of the newest decisions, the newest first, and how many wait in all."""

    total: int
    newest: tuple[WaitingReview, ...]


def waiting_reviews(reader: RegistryReader, limit: int) -> WaitingReviews:
    """Two queries. Raises IncumbentError for a version or a decision that was changed.

    One that was rolled back waits only once it has won on fresh items.
    """
    with reading(reader.engine) as connection:
        won = connection.execute(winners(reader.family)).all()
        waiting = [
            row.number
            for row in won
            if row.promoted is None or not reader.fallen_on(connection, row.number)
        ]
        rows = connection.execute(decided_versions(reader.family, waiting[:limit])).all()
    found = [
        WaitingReview(version=parsed(AdapterVersion, row.version), decided=event_of(row))
        for row in rows
    ]
    return WaitingReviews(total=len(waiting), newest=tuple(found))


def outdated(reader: RegistryReader, review: WaitingReview) -> bool:
    """Whether it won against another one than the present champion: it cannot be promoted then.

    Raises IncumbentError when its decision is missing or damaged.
    """
    made = review.decided.told(DecisionMade)
    pins = reader.artifacts.get_record(Decision, made.decision).pins
    champion = reader.champion()
    return pins is None or pins.champion != (champion.adapter.files if champion else None)


# --- the two queries ----------------------------------------------------------------------------


def winners(family: str) -> Select[Any]:
    """The versions of which nothing newer than a won decision is known."""
    champion = and_(
        aliases.c.family == versions.c.family,
        aliases.c.number == versions.c.number,
        aliases.c.name == CHAMPION,
    )
    promoted = newest_seq("promote")
    return (
        select(versions.c.number, promoted.label("promoted"))
        .select_from(versions)
        .outerjoin(aliases, champion)
        .where(
            versions.c.family == family,
            versions.c.deleted.is_(False),
            aliases.c.name.is_(None),
            newest_seq("reject").is_(None),
            or_(promoted.is_(None), promoted < newest_seq("decide")),
            verdict_is("PROMOTE"),
        )
        .order_by(newest_seq("decide").desc())
    )


def decided_versions(family: str, numbers: list[int]) -> Select[Any]:
    return (
        select(versions.c.record.label("version"), events)
        .select_from(versions)
        .join(events, events.c.seq == newest_seq("decide"))
        .where(versions.c.family == family, versions.c.number.in_(numbers))
        .order_by(events.c.seq.desc())
    )
