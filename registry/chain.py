"""The chain of events: each names the digest of the one before, so none can be changed or lost."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, insert, select

from registry.records import Digest, Event
from registry.tables import events

GENESIS = "0" * 64  # what the first event names as the one before it


def tip(connection: Connection) -> tuple[int, Digest]:
    """Sequence number and digest of the newest event; 0 and GENESIS when there is none."""
    query = select(events.c.seq, events.c.digest).order_by(events.c.seq.desc()).limit(1)
    last = connection.execute(query).first()
    return (last.seq, last.digest) if last else (0, GENESIS)


def append(connection: Connection, event: Event) -> None:
    """Write an event that was made from the tip, inside the caller's transaction."""
    row = {
        "seq": event.seq,
        "family": event.family,
        "number": event.version,
        "kind": event.kind,
        "record": event.canonical().decode(),
        "digest": event.digest,
    }
    connection.execute(insert(events).values(row))


def stored(connection: Connection) -> Iterator[tuple[str, Digest]]:
    """Every event as it is stored, with the digest that stands beside it, oldest first."""
    query = select(events.c.record, events.c.digest).order_by(events.c.seq)
    for row in connection.execution_options(yield_per=1000).execute(query):
        yield row.record, row.digest


def broken_links(rows: Iterable[tuple[str, Digest]]) -> Iterator[str]:
    """What is wrong with a chain: numbers that are missing, events that were changed."""
    seq, previous = 0, GENESIS
    for record, digest in rows:
        try:
            event = Event.model_validate_json(record)
        except ValueError:
            yield f"event after {seq} cannot be read"
            seq, previous = seq + 1, digest
            continue
        if event.seq != seq + 1:
            yield f"after event {seq} comes event {event.seq}"
        if event.digest != digest or event.canonical().decode() != record:
            yield f"event {event.seq} was changed: its bytes no longer have its digest"
        if event.previous != previous:
            yield f"event {event.seq} does not follow from the event before it"
        seq, previous = event.seq, digest
