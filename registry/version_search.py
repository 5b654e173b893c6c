"""Versions by what is asked of them, and a family as a tree."""

import json
import re
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    and_,
    cast,
    exists,
    func,
    select,
    type_coerce,
)

from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Event, EventKind, Promotion, Rollback, Withdrawal
from project.records.evidence import Verdict
from project.records.record import Digest, Record
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.storage.tables import aliases, event_of, events, parsed, versions
from registry.tenure import CHAMPION, MOVES

# --- version search -------------------------------------------------------------------------------

# A family's versions a page at a time: filtered by the database, with what came of each.

NUMBER = re.compile(r"v?([0-9]{1,9})", re.IGNORECASE)
# As it stands in a promotion's record; a reason that says so has its quotes escaped there.
BY_FORCE = events.c.record.contains('"forced":1')

VerdictFilter = Literal["PROMOTE", "HOLD", "REJECT", "undecided"]


class VersionStanding(Record):
    """One version and what came of it."""

    version: AdapterVersion
    verdict: Verdict | None  # the newest; None: undecided
    champion: bool  # now
    promoted: bool  # once, at least
    forced: bool  # promoted without a verdict, once at least
    rejected: bool  # by a person
    deleted: bool


class VersionFilter(Record):
    """Which versions are asked for; None leaves nothing out."""

    verdict: VerdictFilter | None = None
    promoted: bool | None = None
    rejected: bool | None = None
    deleted: bool | None = None
    before: int | None = None  # numbers below this one
    text: str = ""  # a number, or anything in the stored record: a name, a digest, an actor


class FoundVersions(Record):
    """Some of the versions that a filter lets through, the newest first, and how many there are."""

    total: int
    versions: tuple[VersionStanding, ...]


def search(
    reader: RegistryReader, chosen: VersionFilter, *, limit: int | None, skip: int = 0
) -> FoundVersions:
    """Two queries. Raises IncumbentError for a version or a decision that was changed."""
    where = conditions(reader.family, chosen)
    with reading(reader.engine) as connection:
        counted = select(func.count()).select_from(versions).where(*where)
        total = connection.execute(counted).scalar_one()
        rows = connection.execute(standings(where).limit(limit).offset(skip)).all()
    return FoundVersions(total=total, versions=tuple(map(standing_of, rows)))


def standing_of_version(reader: RegistryReader, number: int) -> VersionStanding | None:
    """One version's; None where none has that number."""
    where = [versions.c.family == reader.family, versions.c.number == number]
    with reading(reader.engine) as connection:
        row = connection.execute(standings(where)).first()
    return standing_of(row) if row else None


def counts(connection: Connection, family: str) -> tuple[int, int]:
    """How many versions there are, and how many of them were deleted."""
    of_family = versions.c.family == family
    every = select(func.count()).select_from(versions).where(of_family)
    gone = every.where(versions.c.deleted.is_(True))
    return connection.execute(every).scalar_one(), connection.execute(gone).scalar_one()


def version_fields(
    version: AdapterVersion, verdict: Verdict | None, champion: bool
) -> dict[str, Any]:
    """A version in a list, for programs."""
    return version.model_dump(mode="json") | {
        "verdict": verdict.value if verdict else None,
        "champion": champion,
    }


# --- the query ----------------------------------------------------------------------------------


def newest_seq(kind: EventKind) -> ScalarSelect[int]:
    """The number of the last event of a kind about a version: a step in the index."""
    history = events.alias()
    query = select(func.max(history.c.seq)).where(
        history.c.family == versions.c.family,
        history.c.number == versions.c.number,
        history.c.kind == kind,
    )
    return query.correlate(versions).scalar_subquery()


def standings(where: list[ColumnElement[bool]]) -> Select[Any]:
    forced = exists(events.c.seq).where(
        events.c.family == versions.c.family,
        events.c.number == versions.c.number,
        events.c.kind == "promote",
        BY_FORCE,
    )
    decided = events.alias()
    return (
        select(
            versions.c.record.label("version"),
            versions.c.deleted,
            aliases.c.name.label("alias"),
            newest_seq("promote").label("promoted"),
            newest_seq("reject").label("rejected"),
            forced.correlate(versions).label("forced"),
            decided,
        )
        .select_from(versions)
        .outerjoin(decided, decided.c.seq == newest_seq("decide"))
        .outerjoin(
            aliases,
            and_(
                aliases.c.family == versions.c.family,
                aliases.c.number == versions.c.number,
                aliases.c.name == CHAMPION,
            ),
        )
        .where(*where)
        .order_by(versions.c.number.desc())
    )


def conditions(family: str, chosen: VersionFilter) -> list[ColumnElement[bool]]:
    where = [versions.c.family == family]
    if chosen.verdict:
        where.append(verdict_is(chosen.verdict))
    if chosen.promoted is not None:
        where.append(newest_seq("promote").is_not(None).is_(chosen.promoted))
    if chosen.rejected is not None:
        where.append(newest_seq("reject").is_not(None).is_(chosen.rejected))
    if chosen.deleted is not None:
        where.append(versions.c.deleted.is_(chosen.deleted))
    if chosen.before is not None:
        where.append(versions.c.number < chosen.before)
    if number := NUMBER.fullmatch(chosen.text.strip()):
        where.append(versions.c.number == int(number[1]))
    elif chosen.text.strip():
        text = as_stored(chosen.text.strip())
        where.append(versions.c.record.icontains(text, autoescape=True))
    return where


def verdict_is(verdict: VerdictFilter) -> ColumnElement[bool]:
    newest = newest_seq("decide")
    if verdict == "undecided":
        return newest.is_(None)
    decided = events.alias()
    # As it stands in a decision's record; a reason that says so has its quotes escaped there.
    says = decided.c.record.contains(f'"verdict":"{verdict}"')
    return exists(decided.c.seq).where(decided.c.seq == newest, says).correlate(versions)


def standing_of(row: Row[Any]) -> VersionStanding:
    return VersionStanding(
        version=parsed(AdapterVersion, row.version),
        verdict=event_of(row).told(DecisionMade).verdict if row.seq else None,
        champion=row.alias is not None,
        promoted=row.promoted is not None,
        forced=bool(row.forced),
        rejected=row.rejected is not None,
        deleted=bool(row.deleted),
    )


# --- family tree ----------------------------------------------------------------------------------

# From which version each version was trained, and who followed whom as champion.


class FamilyMember(Record):
    """One version, and where it comes from."""

    standing: VersionStanding
    parent: int | None  # the version that its training went on from
    unknown_parent: bool  # it went on from an adapter that is no version of the family


class FamilyTree(Record):
    """The newest versions, the newest first, and all changes of the champion, oldest first."""

    total: int  # versions, with those that are left out
    members: tuple[FamilyMember, ...]
    moves: tuple[Event, ...]


def family_tree(reader: RegistryReader, limit: int | None) -> FamilyTree:
    """Raises IncumbentError for a version or an event that was changed."""
    matches = search(reader, VersionFilter(), limit=limit)
    parents = {s.version.adapter.parent for s in matches.versions} - {None}
    with reading(reader.engine) as connection:
        query = select(versions.c.adapter, versions.c.number).where(
            versions.c.family == reader.family,
            versions.c.adapter.in_(sorted(filter(None, parents))),
        )
        numbers = {row.adapter: row.number for row in connection.execute(query)}
        moves = newest_moves(connection, reader.family)
    members = [member(entry, numbers) for entry in matches.versions]
    return FamilyTree(total=matches.total, members=tuple(members), moves=tuple(reversed(moves)))


def member(standing: VersionStanding, numbers: dict[Digest, int]) -> FamilyMember:
    parent = standing.version.adapter.parent
    number = numbers.get(parent) if parent else None
    return FamilyMember(
        standing=standing, parent=number, unknown_parent=parent is not None and number is None
    )


# --- champion history -----------------------------------------------------------------------------

# How the family's champions followed each other.


def newest_moves(connection: Connection, family: str, limit: int | None = None) -> list[Event]:
    """The promotions, rollbacks and withdrawals, the newest first."""
    return newest_events(connection, family, EventFilter(kinds=MOVES), limit=limit)


def move_count(connection: Connection, family: str) -> int:
    return count_events(connection, family, EventFilter(kinds=MOVES))


def displaced_by(move: Event) -> int | None:
    """The version that was champion until a move; None: the bare base."""
    match move.detail:
        case Promotion(displaced=number) | Rollback(displaced=number):
            return number
        case Withdrawal():
            return move.version
    return None


# --- events ---------------------------------------------------------------------------------------

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
    """Events before `before`, the newest first. Raises IncumbentError for a changed one."""
    query = select(events).where(*event_conditions(connection, family, chosen or EventFilter()))
    if before is not None:
        query = query.where(events.c.seq < before)
    ordered: Select[Any] = query.order_by(events.c.seq.desc()).limit(limit)
    return [event_of(row) for row in connection.execute(ordered)]


def count_events(connection: Connection, family: str, chosen: EventFilter) -> int:
    where = event_conditions(connection, family, chosen)
    return connection.execute(select(func.count()).select_from(events).where(*where)).scalar_one()


def event_conditions(
    connection: Connection, family: str, chosen: EventFilter
) -> list[ColumnElement[bool]]:
    conditions = [events.c.family == family]
    if chosen.kinds:
        conditions.append(events.c.kind.in_(chosen.kinds))
    if chosen.without:
        conditions.append(events.c.kind.not_in(chosen.without))
    if chosen.version is not None:
        conditions.append(events.c.number == chosen.version)
    if chosen.actor:
        conditions.append(event_field(connection, "actor") == chosen.actor)
    if chosen.since:
        conditions.append(event_field(connection, "at") >= chosen.since)
    if chosen.until:
        conditions.append(event_field(connection, "at") <= chosen.until)
    if chosen.text:
        conditions.append(events.c.record.icontains(as_stored(chosen.text), autoescape=True))
    return conditions


def event_field(connection: Connection, field: str) -> ColumnElement[str]:
    """A field that stands in an event's record alone."""
    text: ColumnElement[Any] = events.c.record
    # SQLite would make a number of a text that is cast to JSON; PostgreSQL needs the cast.
    sqlite = connection.dialect.name == "sqlite"
    parsed = type_coerce(text, JSON) if sqlite else cast(text, JSON)
    column: ColumnElement[str] = parsed[field].as_string()
    return column


def as_stored(text: str) -> str:
    """A text as it stands inside of canonical JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
