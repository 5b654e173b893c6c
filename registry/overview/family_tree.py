"""From which version each version was trained, and who followed whom as champion."""

from sqlalchemy import Connection, select

from project.records.events import Event, Promotion, Rollback, Withdrawal
from project.records.record import Digest, Record
from registry.event_list import EventFilter, count_events, newest_events
from registry.overview.version_search import VersionFilter, VersionStanding, search
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.storage.tables import versions
from registry.tenure import MOVES


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
    found = search(reader, VersionFilter(), limit=limit)
    parents = {s.version.adapter.parent for s in found.versions} - {None}
    with reading(reader.engine) as connection:
        numbers = numbers_of(connection, reader.family, sorted(filter(None, parents)))
        moves = newest_moves(connection, reader.family)
    members = [member(one, numbers) for one in found.versions]
    return FamilyTree(total=found.total, members=tuple(members), moves=tuple(reversed(moves)))


def member(standing: VersionStanding, numbers: dict[Digest, int]) -> FamilyMember:
    parent = standing.version.adapter.parent
    number = numbers.get(parent) if parent else None
    return FamilyMember(
        standing=standing, parent=number, unknown_parent=parent is not None and number is None
    )


def numbers_of(connection: Connection, family: str, adapters: list[Digest]) -> dict[Digest, int]:
    query = select(versions.c.adapter, versions.c.number).where(
        versions.c.family == family, versions.c.adapter.in_(adapters)
    )
    return {row.adapter: row.number for row in connection.execute(query)}


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
