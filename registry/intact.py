"""Whether the rows that the seat rests on are still what the events say of them.

`registry/audit.py` checks everything and takes its time; these are the few rows that one change
of the seat, or one use of a version, reads.
"""

from sqlalchemy import Connection, select

from registry.chain import event_of, events_of
from registry.errors import IncumbentError
from registry.records import AdapterVersion, EventKind
from registry.tables import events

MOVES: tuple[EventKind, ...] = ("promote", "rollback")


def refuse_changed(connection: Connection, version: AdapterVersion) -> None:
    """Raise IncumbentError unless a version, and every event about it, is as it was written."""
    own = events_of(connection, version.family, version.number)
    submitted = [event.detail["version"] for event in own if event.kind == "submit"]
    if submitted != [version.digest]:
        raise IncumbentError(
            f"{version.label} is not what was submitted; `incumbent verify` tells more"
        )
    if any(event.kind == "delete" for event in own):
        raise IncumbentError(f"{version.label} was deleted")


def refuse_moved(connection: Connection, family: str, seat: int | None) -> None:
    """Raise IncumbentError unless the events too say that this version holds the seat."""
    moves = []
    for kind in MOVES:  # one kind at a time is one step in the index
        query = select(events).where(events.c.family == family, events.c.kind == kind)
        newest = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
        if newest:
            moves.append(event_of(newest))
    told = max(moves, key=lambda event: event.seq).version if moves else None
    if told != seat:
        raise IncumbentError(
            f"version {seat} has the seat, but the events gave it to version {told}; "
            "`incumbent verify` tells more"
        )
