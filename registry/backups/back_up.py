"""A backup: all tables of one moment, and every artifact that they name, in one archive.

Nobody waits for it. The tables are read in one snapshot of the database; the artifacts are copied
after it has ended, for they do not change. They may go, though: what is missing by then was
deleted with good reason or not, which a new snapshot tells, and the backup begins again.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection, Table, select

from project.canonical import canonical_json, stamp
from project.errors import IncumbentError
from project.progress import progress
from project.records.events import Event, RowErasure
from project.records.record import Digest
from registry.backups.tar_members import (
    END,
    NAME,
    ArchiveDraft,
    ArtifactSummary,
    Manifest,
    TableSummary,
    archive_draft,
    artifact_member,
    table_member,
    write_member,
)
from registry.garbage import needed_artifacts
from registry.reader import RegistryReader
from registry.storage.artifact_store import (
    Artifacts,
    DamagedArtifactError,
    MissingArtifactError,
)
from registry.storage.database import reading, revision, snapshot
from registry.storage.tables import events, metadata, parsed, tip

# --- table lines ----------------------------------------------------------------------------------

# Rows of a table as JSON Lines, the same from every database.

LONGEST_LINE = 64 << 20  # bytes; no row comes near it
BATCH_ROWS = 500  # that are in memory at once


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """Every row, by the primary key. Raises IncumbentError for one that nothing could read back."""
    query = select(table).order_by(*table.primary_key)
    for row in connection.execute(query, execution_options={"yield_per": BATCH_ROWS}):
        line = canonical_json(dict(row._mapping)) + b"\n"
        if len(line) > LONGEST_LINE:
            raise IncumbentError(f"a row of the table {table.name} has {len(line)} bytes")
        yield line


def summaries(connection: Connection) -> tuple[TableSummary, ...]:
    """The summaries of all tables, those first that others refer to."""
    ordered = metadata.sorted_tables
    return tuple(summary_of(table.name, lines_of(connection, table)) for table in ordered)


def summary_of(name: str, lines: Iterable[bytes]) -> TableSummary:
    rows, size, sha = 0, 0, hashlib.sha256()
    for line in lines:
        rows, size = rows + 1, size + len(line)
        sha.update(line)
    return TableSummary(name=name, rows=rows, size=size, sha256=sha.hexdigest())


# --- backing up -----------------------------------------------------------------------------------

TRIES = 10  # snapshots
CHOICE = "`incumbent registry verify` says what needs it, and --without-damaged backs up all else"


class ErasedMeanwhileError(IncumbentError):
    """A person had rows erased while they were copied."""


class Contents(NamedTuple):
    """What an archive is to hold."""

    manifest: Manifest
    sizes: dict[Digest, int]  # of the artifacts


def back_up(registry: RegistryReader, to: str, *, without_damaged: bool = False) -> Manifest:
    """Write an archive, whole or not at all; `without_damaged` leaves artifacts out that are
    damaged or missing, and names them in it.

    Raises InputError for a place that is taken, IncumbentError where an artifact cannot be had.
    """
    gone = None  # what was missing at the newest try
    for _ in range(TRIES):
        try:
            with archive_draft(to) as draft:
                return write_archive(registry, draft, without_damaged=without_damaged)
        except DamagedArtifactError as error:
            raise IncumbentError(f"{error}; {CHOICE}") from None
        except MissingArtifactError as error:
            if str(error) == gone:  # whatever is deleted is named by no later snapshot
                raise IncumbentError(f"{error}; {CHOICE}") from None
            gone = str(error)
        except ErasedMeanwhileError:
            pass
    raise IncumbentError(f"artifacts were deleted during each of {TRIES} tries: run it again later")


def write_archive(
    registry: RegistryReader, draft: ArchiveDraft, *, without_damaged: bool
) -> Manifest:
    with snapshot(registry.engine) as connection:
        contents = contents_of(registry, connection, lenient=without_damaged)
        head = contents.manifest.canonical()
        write_member(draft, NAME, len(head), [head])
        for table in contents.manifest.tables:
            lines = lines_of(connection, metadata.tables[table.name])
            write_member(draft, table_member(table.name), table.size, lines)
    copy_artifacts(registry.artifacts, draft, contents.sizes)
    draft.write(END)
    draft.finish()
    refuse_erased(registry, contents.manifest)
    draft.publish()
    return contents.manifest


def contents_of(registry: RegistryReader, connection: Connection, *, lenient: bool) -> Contents:
    """Raises MissingArtifactError unless all that is needed is there; or leaves it out."""
    artifacts = LenientArtifacts(registry.artifacts.blobs) if lenient else registry.artifacts
    tables = summaries(connection)
    if not any(table.rows for table in tables):
        raise IncumbentError("the registry is empty: there is nothing to back up")
    wanted = needed(connection, artifacts)
    stored = registry.artifacts.blobs.sizes()
    left_out = {d for d in wanted if d not in stored or not whole(artifacts, d)} if lenient else ()
    sizes = {d: registry.artifacts.there(d, stored.get(d)) for d in sorted(wanted - set(left_out))}
    events, newest = tip(connection)
    manifest = Manifest(
        at=stamp(registry.clock()),
        revision=revision(connection) or "",
        families=tuple(family.family for family in registry.families()),
        events=events,
        tip=newest,
        tables=tables,
        artifacts=ArtifactSummary.of(sizes),
        left_out=tuple(sorted(left_out)),
    )
    return Contents(manifest, sizes)


def whole(artifacts: Artifacts, digest: Digest) -> bool:
    try:
        for _ in artifacts.pieces(digest):
            pass
    except (DamagedArtifactError, MissingArtifactError):
        return False
    return True


def copy_artifacts(artifacts: Artifacts, draft: ArchiveDraft, sizes: dict[Digest, int]) -> None:
    """Each is hashed as it is copied. Raises MissingArtifactError, DamagedArtifactError."""
    with byte_progress("backup", sum(sizes.values())) as moved:

        def watched(digest: Digest) -> Iterator[bytes]:
            for piece in artifacts.pieces(digest):
                moved(len(piece))
                yield piece

        for digest, size in sizes.items():
            write_member(draft, artifact_member(digest), size, watched(digest))


def refuse_erased(registry: RegistryReader, manifest: Manifest) -> None:
    """Raise ErasedMeanwhileError if a person had rows erased since: they must not come back."""
    with reading(registry.engine) as connection:
        later = select(events.c.seq).where(events.c.kind == ERASE, events.c.seq > manifest.events)
        if erased := connection.execute(later.order_by(events.c.seq).limit(1)).scalar():
            raise ErasedMeanwhileError(f"rows were erased meanwhile, event {erased}")


MEGABYTE = 1_000_000


@contextmanager
def byte_progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """How far a copy is, in megabytes: yields a function that is told how many bytes were copied
    since it was told last.
    """
    done = 0
    with progress(label, total // MEGABYTE, "MB", leave=False) as bar:

        def moved(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            if whole := done // MEGABYTE - before // MEGABYTE:
                bar.advance(whole)

        yield moved


# --- needed artifacts -----------------------------------------------------------------------------

# Which artifacts a registry cannot do without, and which it must not have any more.

ERASE = RowErasure.kind


class LenientArtifacts(Artifacts):
    """Of a stored folder whose list of files cannot be read, nobody knows which files it has."""

    def manifest(self, digest: Digest) -> dict[str, Digest]:
        try:
            return super().manifest(digest)
        except (DamagedArtifactError, MissingArtifactError):
            return {}


def needed(connection: Connection, artifacts: Artifacts) -> set[Digest]:
    """What versions, events and nights need, without what was erased."""
    return needed_artifacts(connection, artifacts) - erased(connection)


def erased(connection: Connection) -> set[Digest]:
    """Artifacts that were erased, and that no later event names again. One may still be there for
    a moment: the event comes first, then it is deleted.
    """
    first = select(events.c.seq).where(events.c.kind == ERASE).order_by(events.c.seq).limit(1)
    since = connection.execute(first).scalar()
    gone: set[Digest] = set()
    if since is None:
        return gone
    later = select(events.c.record).where(events.c.seq >= since).order_by(events.c.seq)
    for record in connection.execute(later).scalars():
        detail = parsed(Event, record).detail
        if isinstance(detail, RowErasure):
            gone.update(detail.artifacts)
        gone.difference_update(detail.kept())
    return gone
