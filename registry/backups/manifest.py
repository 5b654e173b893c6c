"""What an archive says of itself, in the member that comes first."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

from project.canonical import digest_bytes
from project.errors import InputError
from project.records.record import Digest, Record, read_object
from project.times import moment
from project.untrusted_input import quoted

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
        own = digest_bytes(names.encode())
        return cls(count=len(sizes), size=sum(sizes.values()), sha256=own)


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
    found = fields.get("format")
    if isinstance(found, str) and found.startswith(FAMILY_OF_FORMATS) and found != FORMAT:
        raise InputError(f"{quoted(found)} {NEWER}", file=place, field="format")
    return Manifest.parse(data, place)
