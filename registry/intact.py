"""Whether the rows that the seat rests on are still what the events say of them.

`registry/audit.py` checks everything and takes its time; these are the few rows that one change
of the seat, or one use of a version, reads.
"""

from sqlalchemy import Connection, select

from registry.canonical import digest_bytes
from registry.chain import events_of
from registry.errors import IncumbentError
from registry.records import AdapterVersion, Digest
from registry.seat import last_move
from registry.tables import versions


def refuse_changed(connection: Connection, version: AdapterVersion) -> None:
    """Raise IncumbentError unless a version, and every event about it, is as it was written."""
    own = events_of(connection, version.family, version.number)
    submitted = [event.detail["version"] for event in own if event.kind == "submit"]
    if submitted != [stored_digest(connection, version)]:
        raise IncumbentError(
            f"{version.label} is not what was submitted; `incumbent verify` tells more"
        )
    if any(event.kind == "delete" for event in own):
        raise IncumbentError(f"{version.label} was deleted")


def stored_digest(connection: Connection, version: AdapterVersion) -> Digest:
    """Of a version's record as it is stored, whatever today's code would write."""
    query = select(versions.c.record).where(
        versions.c.family == version.family, versions.c.number == version.number
    )
    return digest_bytes(connection.execute(query).scalar_one().encode())


def refuse_moved(connection: Connection, family: str, seat: int | None) -> None:
    """Raise IncumbentError unless the events too say that this version holds the seat."""
    moved = last_move(connection, family)
    told = moved.version if moved else None
    if told != seat:
        raise IncumbentError(
            f"version {seat} has the seat, but the events gave it to version {told}; "
            "`incumbent verify` tells more"
        )
