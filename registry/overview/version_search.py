"""A family's versions a page at a time: filtered by the database, with what came of each."""

import re
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    and_,
    exists,
    func,
    select,
)

from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, EventKind
from project.records.evidence import Verdict
from project.records.record import Record
from registry.event_list import as_stored
from registry.reader import RegistryReader, parsed
from registry.state import CHAMPION
from registry.storage.database import reading
from registry.storage.event_chain import event_of
from registry.storage.tables import aliases, events, versions

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
    own = versions.c.family == family
    every = select(func.count()).select_from(versions).where(own)
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
    own = events.alias()
    query = select(func.max(own.c.seq)).where(
        own.c.family == versions.c.family,
        own.c.number == versions.c.number,
        own.c.kind == kind,
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
    found = [versions.c.family == family]
    if chosen.verdict:
        found.append(verdict_is(chosen.verdict))
    if chosen.promoted is not None:
        found.append(newest_seq("promote").is_not(None).is_(chosen.promoted))
    if chosen.rejected is not None:
        found.append(newest_seq("reject").is_not(None).is_(chosen.rejected))
    if chosen.deleted is not None:
        found.append(versions.c.deleted.is_(chosen.deleted))
    if chosen.before is not None:
        found.append(versions.c.number < chosen.before)
    if number := NUMBER.fullmatch(chosen.text.strip()):
        found.append(versions.c.number == int(number[1]))
    elif chosen.text.strip():
        text = as_stored(chosen.text.strip())
        found.append(versions.c.record.icontains(text, autoescape=True))
    return found


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
