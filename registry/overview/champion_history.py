"""How the family's champions followed each other."""

from sqlalchemy import Connection

from project.records.events import Event, Promotion, Rollback
from registry.event_list import EventFilter, count_events, newest_events
from registry.tenure import MOVES


def newest_moves(connection: Connection, family: str, limit: int | None = None) -> list[Event]:
    """The promotions and rollbacks, the newest first."""
    return newest_events(connection, family, EventFilter(kinds=MOVES), limit=limit)


def move_count(connection: Connection, family: str) -> int:
    return count_events(connection, family, EventFilter(kinds=MOVES))


def displaced_by(move: Event) -> int | None:
    """The version that was champion until a move; None: the bare base."""
    match move.detail:
        case Promotion(displaced=number) | Rollback(displaced=number):
            return number
    return None
