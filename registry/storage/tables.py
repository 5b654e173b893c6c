"""The registry's tables, and the chain of its events."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
)

from project.canonical import digest_bytes
from project.errors import IncumbentError
from project.records.events import Event
from project.records.record import Digest, Record

R = TypeVar("R", bound=Record)

# --- tables ---------------------------------------------------------------------------------------

# The registry's tables: what a migration makes, and what the code reads and writes.

metadata = MetaData()


class RunState(StrEnum):
    """The state of a job's run for a date, in table `runs`."""

    RUNNING = "running"
    WAITING = "waiting"  # for the next attempt
    FINISHED = "finished"
    FAILED = "failed"  # given up: only a person starts it again


versions = Table(
    "versions",
    metadata,
    Column("family", String(63), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("adapter", String(64), nullable=False),  # digest of its files
    Column("record", Text, nullable=False),  # AdapterVersion, canonical JSON
    Column("deleted", Boolean, nullable=False, default=False),  # a tombstone keeps the record
    UniqueConstraint("family", "adapter"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("family", String(63), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("number", Integer, nullable=False),
    ForeignKeyConstraint(["family", "number"], ["versions.family", "versions.number"]),
)

# Every look at a sealed eval set: what was measured there, and at what level.
looks = Table(
    "looks",
    metadata,
    Column("event", Integer, primary_key=True, autoincrement=False),  # that counted it
    Column("eval_set", String(64), nullable=False),
    Column("champion", String(64), nullable=False),  # "" for the bare base
    Column("challenger", String(64), nullable=False),
    Column("decoding", String(64), nullable=False),
    Column("scorers", String(64), nullable=False),
    Column("policy", String(64)),
    Column("numerics", String(64)),  # None: the scores say nothing of them
    Column("number", Integer, nullable=False),
    Column("budget", Float, nullable=False),
    Column("alpha", Float, nullable=False),
    Index("ix_looks_pair", "challenger", "champion"),
)

# What was answered and judged at a look, by a name: kept as an artifact until the decision.
look_bytes = Table(
    "look_bytes",
    metadata,
    Column("look", Integer, primary_key=True, autoincrement=False),  # the event that counted it
    Column("name", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Index("ix_look_bytes_name", "name"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("family", String(63), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("record", Text, nullable=False),  # Event, canonical JSON
    Column("digest", String(64), nullable=False, unique=True),
    Index("ix_events_kind", "family", "kind", "seq"),
    Index("ix_events_number", "family", "number", "kind", "seq"),
)

# What is done once for each date, such as a night's check. Times are RFC 3339, UTC.
runs = Table(
    "runs",
    metadata,
    Column("job", String(127), primary_key=True),  # and its family
    Column("date", String(10), primary_key=True),  # logical, ISO 8601
    Column("state", String(16), nullable=False),
    Column("holder", String(255), nullable=False),  # who has it, or had it last
    Column("fence", Integer, nullable=False),  # grows with each claim
    Column("attempts", Integer, nullable=False),
    Column("since", String(24), nullable=False),  # nobody else may claim it from here …
    Column("until", String(24), nullable=False),  # … to there: a lease, or the wait for a retry
    Column("started", String(24), nullable=False),  # the newest attempt
    Column("ended", String(24)),
    Column("record", Text),  # what it made, canonical JSON or words
    Column("problem", Text),  # why the newest attempt made nothing
)

# Which schedulers live, and what they will do next.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("holder", String(255), primary_key=True),
    Column("record", Text, nullable=False),  # Heartbeat, canonical JSON
)

# What people are to be told, until they were told.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(255), nullable=False, unique=True),
    Column("record", Text, nullable=False),  # Notice, canonical JSON
    Column("created", String(24), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try", String(24)),  # None: given up
    Column("delivered", Text, nullable=False),  # to which destinations, a word each
    Column("sent_at", String(24)),  # when all of them had it
    Index("ix_outbox_sent_at", "sent_at"),
)

# Each try to deliver a notice, and what came of it.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("notice", Integer, nullable=False),  # its id in the outbox
    Column("attempt", Integer, nullable=False),
    Column("destination", String(16), nullable=False),  # a word, as in the outbox
    Column("place", String(255), nullable=False),  # a host or a program, never a secret address
    Column("at", String(24), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("problem", Text),  # None: it was delivered
    Index("ix_deliveries_notice", "notice"),
)

# What experiments on traffic are judged by: of each user and metric what came first, in the order
# of arrival. The registry is no place for names of users.
observations = Table(
    "observations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("experiment", Integer, nullable=False),  # the number of the event that opened it
    Column("unit", String(64), nullable=False),  # the user, as a digest
    Column("arm", String(16), nullable=False),
    Column("metric", String(16), nullable=False),
    Column("value", Float, nullable=False),
    Column("at", String(40), nullable=False),
    UniqueConstraint("experiment", "unit", "metric", "arm"),
    Index("ix_observations_experiment", "experiment", "id"),
)

# What all machines that run a family's nights have to agree on, such as which folder holds its
# traffic; each change is a row, and the newest one of a kind counts.
places = Table(
    "places",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("family", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("mark", String(64), nullable=False),  # what the folder itself says too
    Column("location", Text, nullable=False),  # as the machine named it that wrote the row
    Column("at", String(24), nullable=False),
    Column("by", Text, nullable=False),
    Index("ix_places_family", "family", "kind", "id"),
)


def parsed(model: type[R], row: str) -> R:
    """A row's record. Raises IncumbentError when it is none."""
    try:
        return model.model_validate_json(row)
    except ValidationError:
        raise IncumbentError(
            f"a record in the registry's database is none: {model.__name__}; "
            "`incumbent registry verify` tells which"
        ) from None


# --- event chain ----------------------------------------------------------------------------------

# The chain of events: each names the digest of the one before, so none can be changed or lost.

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
        raise ChangedEventError(row, "its bytes no longer have its digest")
    try:
        event = Event.model_validate_json(row.record)
    except ValueError:
        raise ChangedEventError(row, "it cannot be read") from None
    columns = row._mapping
    for name, value in beside(event).items():
        if columns[name] != value:
            raise ChangedEventError(
                row, f"its {name} is {value!r}, beside it stands {columns[name]!r}"
            )
    return event


class ChangedEventError(IncumbentError):
    """An event is not as it was written."""

    def __init__(self, row: Row[Any], how: str) -> None:
        self.problem = f"event {row.seq} was changed: {how}"
        super().__init__(f"{self.problem}; `incumbent registry verify` tells more")


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
        except ChangedEventError as error:
            yield error.problem
        seq, previous = row.seq, row.digest
