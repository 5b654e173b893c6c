"""Who was champion when, and a version's state."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, select

from project.records.events import (
    AliasMove,
    Deletion,
    Event,
    EventKind,
    Promotion,
    Rejection,
    Rollback,
    Submission,
    Withdrawal,
)
from registry.storage.tables import aliases, event_of, events

# --- tenure ---------------------------------------------------------------------------------------

# How versions became champion and ceased to be it: each question takes a few index steps.

GAINS: tuple[EventKind, ...] = ("promote", "rollback")
MOVES: tuple[EventKind, ...] = (*GAINS, "withdraw")

Where = ColumnElement[bool]


def last_move(
    connection: Connection, family: str, *where: Where, kinds: tuple[EventKind, ...] = MOVES
) -> Event | None:
    """The newest event that changed who is champion. Raises IncumbentError if it was changed."""
    newest = [first(connection, family, kind, *where, newest=True) for kind in kinds]
    return max(filter(None, newest), key=lambda event: event.seq, default=None)


def move_after(connection: Connection, family: str, seq: int) -> Event | None:
    """The next event that changed who is champion."""
    later = events.c.seq > seq
    oldest = [first(connection, family, kind, later, newest=False) for kind in MOVES]
    return min(filter(None, oldest), key=lambda event: event.seq, default=None)


def tenure(
    connection: Connection, family: str, number: int, *where: Where
) -> tuple[Event | None, Event | None]:
    """The events by which a version last became champion, and ceased to be it."""
    of_version = events.c.number == number
    gained = last_move(connection, family, of_version, *where, kinds=GAINS)
    return gained, move_after(connection, family, gained.seq) if gained else None


def fallen(connection: Connection, family: str, number: int) -> Event | None:
    """The newest promotion of a version that was rolled back or withdrawn."""
    won = first(connection, family, "promote", events.c.number == number, newest=True)
    if won is None or won.seq in {e.seq for e in promotions_of(connection, family, won.seq)}:
        return None
    return won


def last_rotation(connection: Connection, family: str) -> int:
    """The event by which a person last let sealed items leave; 0: nobody has."""
    sealed = events.c.record.contains('"part":"sealed"')
    rotation = first(connection, family, "rotate", sealed, newest=True)
    return rotation.seq if rotation else 0


def standing_promotions(connection: Connection, since: int) -> Iterator[Event]:
    """The promotions that still stand, of all families: see promotions_of."""
    families = select(aliases.c.family).where(aliases.c.name == CHAMPION)
    for family in connection.execute(families).scalars().all():
        yield from promotions_of(connection, family, since)


def promotions_of(connection: Connection, family: str, since: int) -> Iterator[Event]:
    """The promotions of a family that still stand: those by which its present champion came, one
    after the other, the newest first, back to the last one before event `since`. What was rolled
    back is none of them, until somebody goes forward again.
    """
    named = select(aliases.c.number).where(aliases.c.family == family, aliases.c.name == CHAMPION)
    number: int | None = connection.execute(named).scalar()
    earlier: list[Where] = []
    while number is not None:
        of_version = events.c.number == number
        won = first(connection, family, "promote", of_version, *earlier, newest=True)
        if (
            won is None
        ):  # the alias was changed behind the events: `incumbent registry verify` tells
            return
        yield won
        number = won.told(Promotion).displaced if won.seq >= since else None
        earlier = [events.c.seq < won.seq]


def reference(connection: Connection, family: str, until: int | None = None) -> int | None:
    """The regression baseline, from which the budget counts, before event until.

    It is the last champion that a person approved, by promoting it by hand or by rolling back to
    it; else the first champion. After a withdrawal there is none.
    """
    earlier = [] if until is None else [events.c.seq < until]
    move = last_move(connection, family, *earlier)
    if move is None or move.kind == "withdraw":
        return None
    if move.kind == "rollback":
        return move.version
    return move.told(Promotion).counts_from


def first(
    connection: Connection, family: str, kind: EventKind, *where: Where, newest: bool
) -> Event | None:
    """The newest or the oldest event of a kind: one kind at a time is one step in the index."""
    query = select(events).where(events.c.family == family, events.c.kind == kind, *where)
    ordered = query.order_by(events.c.seq.desc() if newest else events.c.seq)
    row = connection.execute(ordered.limit(1)).first()
    return event_of(row) if row else None


# --- state ----------------------------------------------------------------------------------------

# What the registry holds, as a fold over its events: nothing else decides it.

CHAMPION = "champion"


@dataclass
class State:
    """One family's state after some events."""

    versions: dict[int, str] = field(default_factory=dict)  # number -> digest of its record
    aliases: dict[str, int] = field(default_factory=dict)
    forced: set[int] = field(default_factory=set)  # promoted without a verdict, marked for ever
    rejected: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)

    def apply(self, event: Event) -> None:
        match event.detail:
            case Submission(version=record):
                self.versions[event.version] = record
            case Promotion(forced=forced):
                self.aliases[CHAMPION] = event.version
                if forced:
                    self.forced.add(event.version)
            case Rollback():
                self.aliases[CHAMPION] = event.version
            case Withdrawal():
                self.aliases.pop(CHAMPION, None)
            case AliasMove(name=name, removed=0):
                self.aliases[name] = event.version
            case AliasMove(name=name):
                self.aliases.pop(name, None)
            case Rejection():
                self.rejected.add(event.version)
            case Deletion():
                self.deleted.add(event.version)


def fold(events: Iterable[Event], until: str | None = None) -> State:
    """The state after all events, or after those up to a moment (RFC 3339, UTC, as events have)."""
    state = State()
    for event in events:
        if until is None or event.at <= until:
            state.apply(event)
    return state
