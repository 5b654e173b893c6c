"""What of a registry was about the machines that ran it, made true where it is restored."""

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, literal, select, text, update

from project.times import stamp
from registry.jobs.outbox import HELD
from registry.jobs.runs import RunState
from registry.storage.tables import deliveries, heartbeats, metadata, outbox, runs

STOPPED = "stopped before its end: the registry was restored from a backup meanwhile"
MAYBE_SENT = (
    "not sent: the registry was restored from a backup, and it may have been sent since that was "
    "made"
)


def settle(connection: Connection, now: datetime) -> None:
    """Inside the transaction that wrote the rows: new rows get numbers behind theirs, no lease of
    an old machine holds, none of its schedulers seems to live, and no notice goes out twice.
    """
    count_on(connection)
    release_runs(connection, now)
    connection.execute(delete(heartbeats))
    hold_notices(connection, now)


def count_on(connection: Connection) -> None:
    """SQLite counts on from the greatest number by itself; PostgreSQL has a sequence a table."""
    if connection.dialect.name == "sqlite":
        return
    for table in metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            greatest = connection.execute(select(func.max(column))).scalar() or 0
            sequence = text("SELECT setval(pg_get_serial_sequence(:t, :c), :next, false)")
            named = {"t": table.name, "c": column.name, "next": greatest + 1}
            connection.execute(sequence, named)


def release_runs(connection: Connection, now: datetime) -> None:
    """Anybody may start what was running, and the attempt does not count."""
    running = update(runs).where(runs.c.state == RunState.RUNNING)
    at = stamp(now)
    released = {"state": RunState.WAITING, "since": at, "until": at, "ended": at}
    connection.execute(running.values(**released, attempts=runs.c.attempts - 1, problem=STOPPED))


def hold_notices(connection: Connection, now: datetime) -> None:
    """What was not sent when the backup was made is given up, until a person sends it."""
    unsent = outbox.c.sent_at.is_(None)
    tried = {
        "notice": outbox.c.id,
        "attempt": outbox.c.attempts,
        "destination": literal(HELD),
        "place": literal("this registry"),
        "at": literal(stamp(now)),
        "seconds": literal(0.0),
        "problem": literal(MAYBE_SENT),
    }
    rows = select(*tried.values()).where(unsent)
    connection.execute(insert(deliveries).from_select(list(tried), rows))
    connection.execute(update(outbox).where(unsent).values(next_try=None))
