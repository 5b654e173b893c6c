"""The chain of events: each names the digest of the one before, so none can be changed or lost."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.events import Event
from project.records.record import Digest
from registry.storage.tables import events

GENESIS = "0" * 64  # what the first event names as the one before it


def tip(connection: Connection) -> tuple[int, Digest]:
    """Sequence number and digest of the newest event; 0 and GENESIS when there is none."""
    query = select(events.c.seq, events.c.digest).order_by(events.c.seq.desc()).limit(1)
    last = connection.execute(query).first()
    return (last.seq, last.digest) if last else (0, GENESIS)


def digest_at(connection: Connection, seq: int) -> Digest | None:
    """The digest of the event with that number; None: there is none."""
    return connection.execute(select(events.c.digest).where(events.c.seq == seq)).scalar()


def append(connection: Connection, event: Event) -> None:
    """Write an event that was made from the tip, inside the caller's transaction."""
    row = beside(event) | {"record": event.canonical().decode(), "digest": event.digest}
    connection.execute(insert(events).values(row))


def beside(event: Event) -> dict[str, Any]:
    """What stands beside an event's record, so that it can be found."""
    return {
        "seq": event.seq,
        "family": event.family,
        "number": event.version,
        "kind": event.kind,
    }


def event_of(row: Row[Any]) -> Event:
    """The event of a whole row. Raises IncumbentError unless all of it is as it was written."""
    if digest_bytes(row.record.encode()) != row.digest:
        raise changed(row, "its bytes no longer have its digest")
    try:
        event = Event.model_validate_json(row.record)
    except ValueError:
        raise changed(row, "it cannot be read") from None
    columns = row._mapping
    for name, value in beside(event).items():
        if columns[name] != value:
            raise changed(row, f"its {name} is {value!r}, beside it stands {columns[name]!r}")
    return event


def changed(row: Row[Any], how: str) -> IncumbentError:
    return IncumbentError(
        f"event {row.seq} was changed: {how}; `incumbent registry verify` tells more"
    )


def events_of(connection: Connection, family: str, number: int) -> list[Event]:
    """Everything that happened to a version, oldest first. Raises IncumbentError as event_of."""
    query = select(events).where(events.c.family == family, events.c.number == number)
    return [event_of(row) for row in connection.execute(query.order_by(events.c.seq))]


def stored(connection: Connection) -> Iterator[Row[Any]]:
    """Every event's whole row, oldest first."""
    query = select(events).order_by(events.c.seq)
    yield from connection.execution_options(yield_per=1000).execute(query)


def broken_links(rows: Iterable[Row[Any]]) -> Iterator[str]:
    """What is wrong with a chain: numbers that are missing, events that were changed."""
    seq, previous = 0, GENESIS
    for row in rows:
        if row.seq != seq + 1:
            yield f"after event {seq} comes event {row.seq}"
        try:
            if event_of(row).previous != previous:
                yield f"event {row.seq} does not follow from the event before it"
        except IncumbentError as error:
            yield str(error)
        seq, previous = row.seq, row.digest
