"""What a backup holds, and where it goes."""

import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field

from project.canonical import CHUNK, digest_bytes, moment
from project.errors import IncumbentError, InputError
from project.object_stores import FileStore
from project.records.record import Digest, Record, read_object
from project.untrusted_input import quoted

# --- archive places -------------------------------------------------------------------------------

# Where archives lie: a file here, or a URL that fsspec knows. They appear whole or not at all.


class ArchiveDraft:
    """An archive being written. Raises IncumbentError where it fails, InputError for its place."""

    def __init__(self, to: str) -> None:
        self.place = FileStore(to)
        self.problem = f"{self.place.location} could not be written, and nothing of it is kept"
        self.refuse_taken()
        with self.place.errors(self.problem):
            self.stream = self.place.draft()
        self.published = False

    def write(self, data: bytes) -> None:
        with self.place.errors(self.problem):
            self.stream.write(data)

    def finish(self) -> None:
        """When it returns, all that was written is on the disk, or has arrived."""
        with self.place.errors(self.problem):
            self.stream.close()

    def publish(self) -> None:
        """Make the archive visible: from now on it is there, and nobody sees it before."""
        self.refuse_taken()  # others had hours to put one there
        with self.place.errors(self.problem):
            self.stream.commit()
        self.published = True

    def discard(self) -> None:
        """Leave nothing of it; after `publish` this changes nothing."""
        if not self.published:
            with suppress(Exception):  # a store that is away ends an upload by its own rules
                self.stream.discard()

    def refuse_taken(self) -> None:
        refuse_folder(self.place, "name a file in it")
        with self.place.errors(self.problem):
            there = self.place.exists()
        if there:
            problem = "is there already, and a backup overwrites nothing"
            raise InputError(problem, file=self.place.location)


@contextmanager
def archive_draft(to: str) -> Iterator[ArchiveDraft]:
    """A draft that goes with the block, unless it is published in it."""
    draft = ArchiveDraft(to)
    try:
        yield draft
    finally:
        draft.discard()


class ArchiveFile:
    """An archive's bytes, in any order. Raises IncumbentError where they cannot be read."""

    def __init__(self, stream: Any, place: FileStore) -> None:
        self.stream, self.place = stream, place
        self.problem = f"{place.location} could not be read"

    def seek(self, at: int, whence: int = 0) -> int:
        with self.place.errors(self.problem):
            return int(self.stream.seek(at, whence))

    def read(self, most: int) -> bytes:
        with self.place.errors(self.problem):
            return bytes(self.stream.read(most))


@contextmanager
def archive_file(at: str) -> Iterator[ArchiveFile]:
    """Raises InputError where there is none."""
    place = FileStore(at)
    refuse_folder(place, "name an archive in it")
    with place.errors(f"{place.location} could not be read"):
        try:
            stream = place.stream()
        except FileNotFoundError as error:
            # Some stores say the same of a file that one may not read, and of a host that is away.
            problem = error.strerror or "there is no such file, or it cannot be read from here"
            raise InputError(problem, file=place.location) from None
    with stream:
        yield ArchiveFile(stream, place)


def refuse_folder(place: FileStore, instead: str) -> None:
    if place.folder and place.folder.is_dir():
        raise InputError(f"is a folder: {instead}", file=place.folder)


# --- tar members ----------------------------------------------------------------------------------

# An archive as a plain tar: regular files alone, a header of 512 bytes before each.
#
# Python's tarfile reads far more than that: links, devices, sparse files, headers that change what
# the next one says. Here everything but a plain header is refused, so its reader is not needed.

# --- manifest -------------------------------------------------------------------------------------

# What an archive says of itself, in the member that comes first.

FAMILY_OF_FORMATS = "incumbent-backup/"
FORMAT: Literal["incumbent-backup/1"] = "incumbent-backup/1"
NAME = "manifest.json"
LONGEST = 16 << 20  # bytes of it
NEWER = "was written by a newer Incumbent than this one: install that version"

Sha256 = Annotated[Digest, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]


class TableSummary(Record):
    """A table, written as JSON Lines: an object a row, by its primary key."""

    name: str = Field(pattern=r"^[a-z_]{1,63}$")
    rows: Count
    size: Count  # in bytes
    sha256: Sha256  # of the bytes


class ArtifactSummary(Record):
    count: Count
    size: Count  # in bytes, all together
    sha256: Sha256  # of their digests in order, a line each

    @classmethod
    def of(cls, sizes: Mapping[Digest, int]) -> Self:
        names = "".join(f"{digest}\n" for digest in sorted(sizes))
        checksum = digest_bytes(names.encode())
        return cls(count=len(sizes), size=sum(sizes.values()), sha256=checksum)


class Manifest(Record):
    format: Literal["incumbent-backup/1"] = FORMAT
    incumbent: str = Field(default_factory=lambda: version("incumbent"), max_length=63)
    at: Annotated[str, AfterValidator(moment)]
    revision: str = Field(pattern=r"^[0-9a-z_]{1,32}$")  # the migration that the schema is at
    families: tuple[str, ...]
    events: Count  # the number of the newest one
    tip: Sha256  # its digest
    tables: tuple[TableSummary, ...]
    artifacts: ArtifactSummary
    # What the registry needs and the archive lacks, because it was damaged or missing.
    left_out: tuple[Sha256, ...] = ()


def read_manifest(data: bytes, place: Path) -> Manifest:
    """Raises InputError naming the field; for a later format too."""
    fields = read_object(data, place, 1)
    form = fields.get("format")
    if isinstance(form, str) and form.startswith(FAMILY_OF_FORMATS) and form != FORMAT:
        raise InputError(f"{quoted(form)} {NEWER}", file=place, field="format")
    return Manifest.parse(data, place)


# --- tar members ----------------------------------------------------------------------------------

BLOCK = 512
END = bytes(2 * BLOCK)
KNOWN = re.compile(rf"{re.escape(NAME)}|tables/[a-z_]{{1,63}}\.jsonl|artifacts/[0-9a-f]{{64}}")
MOST = 10_000_000  # members, of which a list is kept


class TarMember(NamedTuple):
    """Where a member's bytes are."""

    name: str
    start: int
    size: int


def table_member(table: str) -> str:
    return f"tables/{table}.jsonl"


def artifact_member(digest: Digest) -> str:
    return f"artifacts/{digest}"


def write_member(draft: ArchiveDraft, name: str, size: int, pieces: Iterable[bytes]) -> None:
    """Raises IncumbentError where the pieces are more, or less, than their size."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    draft.write(info.tobuf(tarfile.GNU_FORMAT))  # the one in which a file may have over 8 GiB
    written = 0
    for piece in pieces:
        draft.write(piece)
        written += len(piece)
    if written != size:
        raise IncumbentError(f"{name} changed while it was written: run it again")
    draft.write(bytes(-size % BLOCK))


def read_members(stream: ArchiveFile, place: Path) -> dict[str, TarMember]:
    """All members, none of them read. Raises InputError naming one that is not as ours are."""
    length, at = stream.seek(0, 2), 0
    if length < BLOCK:
        raise InputError("is no archive of `incumbent registry backup`, or is cut off", file=place)
    members: dict[str, TarMember] = {}
    while (header := block_at(stream, at, length, place)) != bytes(BLOCK):
        member = plain_member(header, at + BLOCK, place)
        if member.name in members:
            raise InputError("is in the archive twice", file=place, field=member.name)
        if member.start + member.size > length:
            raise cut_off(place, member.name)
        if len(members) == MOST:
            raise InputError(f"has more than {MOST} members", file=place)
        members[member.name] = member
        at = member.start + member.size + -member.size % BLOCK
    if block_at(stream, at + BLOCK, length, place) != bytes(BLOCK) or at + len(END) != length:
        raise InputError("goes on behind its end: it is no archive of ours", file=place)
    return members


def block_at(stream: ArchiveFile, at: int, length: int, place: Path) -> bytes:
    if at + BLOCK > length:
        raise cut_off(place)
    stream.seek(at)
    return stream.read(BLOCK)


def plain_member(header: bytes, start: int, place: Path) -> TarMember:
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError):
        problem = "is no archive of `incumbent registry backup`, or is damaged"
        raise InputError(
            f"{problem}: at byte {start - BLOCK} is no tar header", file=place
        ) from None
    if info.type != tarfile.REGTYPE:
        problem = "is no plain file: an archive of ours holds nothing else"
        raise InputError(problem, file=place, field=quoted(info.name))
    if not KNOWN.fullmatch(info.name):
        raise InputError("is no name of ours", file=place, field=quoted(info.name))
    if info.size < 0:
        raise InputError("has a negative size", file=place, field=info.name)
    return TarMember(info.name, start, info.size)


def pieces_of(stream: ArchiveFile, member: TarMember, place: Path) -> Iterator[bytes]:
    """A member's bytes, in bounded memory."""
    stream.seek(member.start)
    left = member.size
    while left:
        piece = stream.read(min(left, CHUNK))
        if not piece:
            raise cut_off(place, member.name)
        left -= len(piece)
        yield piece


def lines_of_member(
    stream: ArchiveFile, member: TarMember, place: Path, longest: int
) -> Iterator[bytes]:
    """A member's lines, each with its end."""
    rest = b""
    for piece in pieces_of(stream, member, place):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line + b"\n" for line in lines)
        if len(rest) > longest:
            problem = f"has a line of more than {longest} bytes"
            raise InputError(problem, file=place, field=member.name)
    if rest:
        raise InputError("ends within a line", file=place, field=member.name)


def cut_off(place: Path, name: str | None = None) -> InputError:
    return InputError("the archive is cut off: it was not copied whole", file=place, field=name)
