"""A restore: an archive's artifacts into the store, then all its tables in one transaction.

Until that transaction ends there is no restored registry. What an interrupted restore has put into
the store is garbage like any other, and the next one puts it there again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import (
    Connection,
    MetaData,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)

from project.canonical import stamp
from project.errors import IncumbentError, InputError
from project.progress import progress
from project.records.record import Digest
from registry.backups.archive import Archive, open_archive, row_batches
from registry.backups.tar_members import Manifest, artifact_member, table_member
from registry.notices import HELD
from registry.storage.artifact_store import Artifacts
from registry.storage.database import HEAD, reading, upgrade, writing
from registry.storage.tables import RunState, deliveries, heartbeats, metadata, outbox, runs, tip
from registry.store import Registry

BATCH_FILES, BATCH_BYTES = 64, 64 << 20  # artifacts that lie beside the store at once
VERSION_TABLE = "alembic_version"


def restore(registry: Registry, place: str) -> Manifest:
    """Fill an empty registry with an archive.

    Raises InputError for an archive that is damaged or none, naming what in it; IncumbentError for
    a registry that has rows, and for an archive of a newer Incumbent.
    """
    registry.roles.require("administer", registry.actor)
    with open_archive(place) as archive:
        with reading(registry.engine) as connection:
            refuse_used(connection)
        put_artifacts(archive, registry.artifacts)
        with writing(registry.engine) as connection:
            refuse_used(connection)  # somebody may have been quicker
            refuse_collected(archive, registry.artifacts)
            fill(connection, archive)
            settle(connection, registry.clock())
    return archive.manifest


# --- artifacts ----------------------------------------------------------------------------------


def put_artifacts(archive: Archive, artifacts: Artifacts) -> None:
    """Store every artifact under the digest that its bytes turn out to have."""
    blobs, left = artifacts.blobs, iter(archive.artifacts)
    with byte_progress("restore", archive.manifest.artifacts.size) as moved:
        while True:
            with blobs.drafts() as folder:  # what a killed restore leaves goes with the garbage
                copies = dict(some_copies(archive, left, Path(folder), moved))
                if not copies:
                    return
                found = blobs.adopt(list(copies.values()))
            for expected, digest in zip(copies, found, strict=True):
                if digest != expected:
                    raise archive.damaged(artifact_member(expected))


def some_copies(
    archive: Archive, left: Iterator[Digest], folder: Path, moved: Callable[[int], None]
) -> Iterator[tuple[Digest, Path]]:
    """Copies of the next artifacts as files: a number of small ones, or a large one."""
    size = 0
    for digest in islice(left, BATCH_FILES):
        copy = folder / digest
        with copy.open("wb") as stream:
            for piece in archive.pieces(artifact_member(digest)):
                stream.write(piece)
                moved(len(piece))
        yield digest, copy
        size += copy.stat().st_size
        if size >= BATCH_BYTES:
            return


def refuse_collected(archive: Archive, artifacts: Artifacts) -> None:
    """No event named the artifacts yet, so that a collection of garbage could take them."""
    if set(archive.artifacts) - artifacts.blobs.sizes().keys():
        raise IncumbentError(
            "garbage was collected meanwhile, and restored artifacts went with it: run it again"
        )


# --- tables -------------------------------------------------------------------------------------


def refuse_used(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if connection.execute(select(table).limit(1)).first():
            place = connection.engine.url.render_as_string(hide_password=True)
            raise IncumbentError(
                f"the registry at {place} is in use: its table {table.name} has rows, and a "
                "restore fills an empty one. Name another database in registry.database of "
                "params.yaml or in $INCUMBENT_DATABASE, or move this one away"
            )


def fill(connection: Connection, archive: Archive) -> None:
    """Insert all rows into tables as they were then, and bring these up to date."""
    manifest = archive.manifest
    tables = tables_at(connection, manifest.revision)
    told = {table.name for table in manifest.tables}
    if told != tables.tables.keys():
        other = ", ".join(sorted(told ^ tables.tables.keys()))
        problem = f"schema {manifest.revision} has other tables: {other}"
        raise InputError(problem, file=archive.place, field="tables")
    for table in tables.sorted_tables:
        name = table_member(table.name)
        lines = archive.lines(name)
        for batch in row_batches(lines, table, Path(archive.place, name)):
            connection.execute(insert(table), batch)
    upgrade(connection)
    if tip(connection) != (manifest.events, manifest.tip):
        problem = "its newest event is another one than the manifest says"
        raise InputError(problem, file=archive.place, field="tip")


def tables_at(connection: Connection, revision: str) -> MetaData:
    """The empty tables of a revision. Raises IncumbentError for one that is not known."""
    if revision == HEAD:
        return metadata
    metadata.drop_all(connection)
    connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
    others = {*inspect(connection).get_table_names(), VERSION_TABLE}  # of who else uses it
    upgrade(connection, revision)
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name not in others)
    return found


# --- restored state -------------------------------------------------------------------------------

# What of a registry was about the machines that ran it, made true where it is restored.

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
    running = update(runs).where(runs.c.state == RunState.RUNNING)
    at = stamp(now)
    released = {"state": RunState.WAITING, "since": at, "until": at, "ended": at}
    connection.execute(running.values(**released, attempts=runs.c.attempts - 1, problem=STOPPED))
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


# --- byte progress --------------------------------------------------------------------------------

# How far a copy of many bytes is, in megabytes.

MEGABYTE = 1_000_000


@contextmanager
def byte_progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many bytes were copied since it was told last."""
    done = 0
    with progress(label, total // MEGABYTE, "MB", leave=False) as bar:

        def moved(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            if whole := done // MEGABYTE - before // MEGABYTE:
                bar.advance(whole)

        yield moved
