"""An archive that is read: what it is made of is checked before anything is done with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from project.errors import InputError
from project.object_stores import local_path, without_secrets
from project.records.record import Digest
from registry.backups.archive_places import ArchiveFile, archive_file
from registry.backups.manifest import LONGEST, NAME, ArtifactSummary, Manifest, read_manifest
from registry.backups.table_lines import LONGEST_LINE, summary_of
from registry.backups.tar_members import (
    Member,
    artifact_member,
    lines_of_member,
    pieces_of,
    read_members,
    table_member,
)


@dataclass(frozen=True)
class Archive:
    stream: ArchiveFile
    place: Path  # as messages show it
    members: dict[str, Member]
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
        refuse_changed_tables(archive)
        yield archive


def manifest_of(stream: ArchiveFile, members: dict[str, Member], place: Path) -> Manifest:
    member = members.get(NAME)
    if member is None or member.size > LONGEST:
        problem = "is missing, or too long: this is no archive of `incumbent backup`"
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


def refuse_changed_tables(archive: Archive) -> None:
    for table in archive.manifest.tables:
        name = table_member(table.name)
        if summary_of(table.name, archive.lines(name)) != table:
            raise archive.damaged(name)
