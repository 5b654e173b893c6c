"""What was answered and judged at a look: bound to it byte by byte, before anything is weighed.

Whoever starts an interrupted look again gets the bytes that were there, from the artifact store.
So a judge that fails near the end is not asked for better luck: where bytes are gone, or others
come in their place, the next attempt is another look.
"""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from project.canonical import digest_json
from project.errors import IncumbentError
from project.records.record import Digest
from registry.artifacts.artifact_store import (
    Artifacts,
    DamagedArtifactError,
    MissingArtifactError,
)
from registry.storage.database import writing
from registry.storage.tables import look_bytes

MOST_ATTEMPTS = 10  # at one look: what is under way when one dies may be asked for anew


class OtherBytesError(IncumbentError):
    """What was kept at a look is gone, or something else came in its place."""


class LookBytes:
    """Answers and judgements of one look, kept in the registry."""

    def __init__(self, engine: Engine, artifacts: Artifacts, look: int) -> None:
        """`look` is the number of the event that counted it."""
        self.engine = engine
        self.artifacts = artifacts
        self.look = look

    def read(self, name: Path) -> bytes | None:
        """What the look has under a name; what another look has there is taken over, if it is
        whole. Raises OtherBytesError where the look's own bytes are gone.
        """
        with self.engine.connect() as connection:
            kept = digests_of(connection, name.as_posix())
        if (own := kept.pop(self.look, None)) is not None:
            if (found := self.whole(own)) is None:
                raise OtherBytesError(f"{name} was measured at this look, and is gone")
            return found
        found = next((data for digest in kept.values() if (data := self.whole(digest))), None)
        if found is not None:
            self.write(name, found)
        return found

    def whole(self, digest: Digest) -> bytes | None:
        with suppress(MissingArtifactError, DamagedArtifactError):
            return self.artifacts.get(digest)
        return None

    def write(self, name: Path, data: bytes) -> None:
        """Bind bytes to the look. Raises OtherBytesError where it has others under this name."""
        digest = self.artifacts.put(data)
        with writing(self.engine) as connection:
            known = digests_of(connection, name.as_posix()).get(self.look)
            if known is None:
                row = {"look": self.look, "name": name.as_posix(), "digest": digest}
                connection.execute(insert(look_bytes).values(row))
            elif known != digest:
                raise OtherBytesError(f"{name} is not what was measured at this look before")


def digests_of(connection: Connection, name: str) -> dict[int, Digest]:
    """The digest of what each look has under a name."""
    query = select(look_bytes.c.look, look_bytes.c.digest).where(look_bytes.c.name == name)
    return {row.look: row.digest for row in connection.execute(query)}


def bound_bytes(connection: Connection, look: int) -> Digest | None:
    """One digest of all that is bound to a look; None: nothing is."""
    query = select(look_bytes.c.name, look_bytes.c.digest).where(look_bytes.c.look == look)
    found = {row.name: row.digest for row in connection.execute(query)}
    return digest_json(found) if found else None


def bytes_in_use(connection: Connection, decided: Collection[int]) -> set[Digest]:
    """The digests of what is bound to looks, but for those that a decision was made at."""
    rows = connection.execute(select(look_bytes.c.look, look_bytes.c.digest))
    return {row.digest for row in rows if row.look not in decided}
