"""A restore: an archive's artifacts into the store, then all its tables in one transaction.

Until that transaction ends there is no restored registry. What an interrupted restore has put into
the store is garbage like any other, and the next one puts it there again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
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
from project.object_stores import local_path, without_secrets
from project.records.record import Digest, read_object
from project.untrusted_input import quoted
from registry.backups.back_up import BATCH_ROWS, LONGEST_LINE, byte_progress, summary_of
from registry.backups.tar_members import (
    LONGEST,
    NAME,
    ArchiveFile,
    ArtifactSummary,
    Manifest,
    TarMember,
    archive_file,
    artifact_member,
    lines_of_member,
    pieces_of,
    read_manifest,
    read_members,
    table_member,
)
from registry.notices import HELD
from registry.storage.artifact_store import Artifacts
from registry.storage.database import HEAD, reading, upgrade, writing
from registry.storage.tables import RunState, deliveries, heartbeats, metadata, outbox, runs, tip
from registry.store import Registry

BATCH_FILES, BATCH_BYTES = 64, 64 << 20  # artifacts that lie beside the store at once
ROWS_BYTES = 8 << 20  # of rows that are written to the database at once, at most BATCH_ROWS
LARGEST = 2**31 - 1  # that every database has a number for
VERSION_TABLE = "alembic_version"


# --- archive ------------------------------------------------------------------------------------

# An archive that is read: what it is made of is checked before anything is done with it.


@dataclass(frozen=True)
class Archive:
    stream: ArchiveFile
    place: Path  # as messages show it
    members: dict[str, TarMember]
    manifest: Manifest

    @property
    def artifacts(self) -> dict[Digest, int]:
        """Their sizes in bytes, in the order of the archive."""
        head = artifact_member("")
        members = (member for name, member in self.members.items() if name.startswith(head))
        return {member.name.removeprefix(head): member.size for member in members}

    def pieces(self, name: str) -> Iterator[bytes]:
        return pieces_of(self.stream, self.members[name], self.place)

    def lines(self, name: str) -> Iterator[bytes]:
        return lines_of_member(self.stream, self.members[name], self.place, LONGEST_LINE)

    def damaged(self, name: str) -> InputError:
        problem = "is damaged: its bytes are not those that were written; take another archive"
        return InputError(problem, file=self.place, field=name)


@contextmanager
def open_archive(place: str) -> Iterator[Archive]:
    """Open an archive whose structure, tables and list of artifacts are as its manifest says.

    The bytes of the artifacts are not read: whoever copies them hashes them. Raises InputError
    naming the member that is not as it should be.
    """
    named = local_path(place) or Path(Path(without_secrets(place)).name)
    with archive_file(place) as stream:
        members = read_members(stream, named)
        archive = Archive(stream, named, members, manifest_of(stream, members, named))
        refuse_other_members(archive)
        for table in archive.manifest.tables:
            name = table_member(table.name)
            if summary_of(table.name, archive.lines(name)) != table:
                raise archive.damaged(name)
        yield archive


def manifest_of(stream: ArchiveFile, members: dict[str, TarMember], place: Path) -> Manifest:
    member = members.get(NAME)
    if member is None or member.size > LONGEST:
        problem = "is missing, or too long: this is no archive of `incumbent registry backup`"
        raise InputError(problem, file=place, field=NAME)
    return read_manifest(b"".join(pieces_of(stream, member, place)), place / NAME)


def refuse_other_members(archive: Archive) -> None:
    """Raise InputError for a member that is missing, or that the manifest does not tell of."""
    manifest = archive.manifest
    tables = [table_member(table.name) for table in manifest.tables]
    told = [NAME, *tables, *map(artifact_member, archive.artifacts)]
    if len(set(tables)) < len(tables):
        raise InputError("names a table twice", file=archive.place / NAME, field="tables")
    for name in sorted(set(told) ^ archive.members.keys()):
        problem = "is missing" if name in told else "is not in the manifest"
        raise InputError(problem, file=archive.place, field=name)
    if ArtifactSummary.of(archive.artifacts) != manifest.artifacts:
        problem = "the archive has other artifacts than this manifest says"
        raise InputError(problem, file=archive.place / NAME, field="artifacts")


# --- restore ------------------------------------------------------------------------------------


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
                digests = blobs.adopt(list(copies.values()))
            for expected, digest in zip(copies, digests, strict=True):
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
    tables = MetaData()
    tables.reflect(connection, only=lambda name, _: name not in others)
    return tables


def row_batches(lines: Iterable[bytes], table: Table, file: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of foreign lines, a few at a time. Raises InputError naming line and field."""
    batch, size = list[dict[str, Any]](), 0
    for number, line in enumerate(lines, start=1):
        batch.append(row_of(line, table, file, number))
        size += len(line)
        if len(batch) == BATCH_ROWS or size >= ROWS_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def row_of(line: bytes, table: Table, file: Path, number: int) -> dict[str, Any]:
    row = read_object(line, file, number)
    if other := row.keys() ^ set(table.columns.keys()):
        unlike = ", ".join(map(quoted, sorted(other)))
        raise InputError(f"has too many or too few columns: {unlike}", file=file, line=number)
    for column in table.columns:
        if not fits(column, value := row[column.name]):
            problem = f"{quoted(value)} is no value of this column"
            raise InputError(problem, file=file, line=number, field=column.name)
    return row


def fits(column: Column[Any], value: object) -> bool:
    """SQLite takes anything in any column, and the code that reads it back does not."""
    if value is None:
        return bool(column.nullable)
    kind = column.type.python_type
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST
    return type(value) is kind or (kind is float and type(value) is int)


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
