"""An archive that is read: what it is made of is checked before anything is done with it."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from project.canonical import canonical_json
from project.errors import IncumbentError, InputError
from project.object_stores import local_path, without_secrets
from project.records.record import Digest, read_object
from project.untrusted_input import quoted
from registry.backups.tar_members import (
    LONGEST,
    NAME,
    ArchiveFile,
    ArtifactSummary,
    Manifest,
    TableSummary,
    TarMember,
    archive_file,
    artifact_member,
    lines_of_member,
    pieces_of,
    read_manifest,
    read_members,
    table_member,
)
from registry.storage.tables import metadata


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
        found = (member for name, member in self.members.items() if name.startswith(head))
        return {member.name.removeprefix(head): member.size for member in found}

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


# --- table lines ----------------------------------------------------------------------------------

# Rows of a table as JSON Lines, the same from every database, and back.

LONGEST_LINE = 64 << 20  # bytes; no row comes near it
BATCH_ROWS, BATCH_BYTES = 500, 8 << 20  # that are written to the database at once
LARGEST = 2**31 - 1  # that every database has a number for


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


def row_batches(lines: Iterable[bytes], table: Table, file: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of foreign lines, a few at a time. Raises InputError naming line and field."""
    batch, size = list[dict[str, Any]](), 0
    for number, line in enumerate(lines, start=1):
        batch.append(row_of(line, table, file, number))
        size += len(line)
        if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
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
