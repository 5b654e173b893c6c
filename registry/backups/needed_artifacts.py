"""Which artifacts a registry cannot do without, and which it must not have any more."""

from sqlalchemy import Connection, select

from project.records.events import Event, RowErasure
from project.records.record import Digest
from registry.artifacts.artifact_store import (
    Artifacts,
    DamagedArtifactError,
    MissingArtifactError,
)
from registry.garbage import named
from registry.reader import parsed
from registry.storage.tables import events

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
    return named(connection, artifacts) - erased(connection)


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


def erasure_since(connection: Connection, seq: int) -> int | None:
    """The first erasure after an event, by its number; None: there was none."""
    later = select(events.c.seq).where(events.c.kind == ERASE, events.c.seq > seq)
    return connection.execute(later.order_by(events.c.seq).limit(1)).scalar()
