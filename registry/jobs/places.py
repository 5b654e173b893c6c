"""What all machines that run a family's nights have to agree on, as the registry keeps it."""

import json

from sqlalchemy import Connection, Engine, insert, select

from project.errors import IncumbentError
from project.records.record import Digest, Record
from registry.storage.database import reading, writing
from registry.storage.tables import places, runs


class Place(Record):
    """A folder that everybody has to see, known by a mark that lies in it."""

    family: str
    kind: str  # such as traffic
    mark: str
    location: str  # as the machine named it that wrote this
    at: str
    by: str

    def __str__(self) -> str:
        return f"{self.location} (mark {self.mark}, by {self.by} on {self.at[:10]})"


class OtherPlaceError(IncumbentError):
    """Somebody else has settled the place meanwhile."""


def place_of(engine: Engine, family: str, kind: str) -> Place | None:
    """The place that counts; None: none was settled yet."""
    with reading(engine) as connection:
        return newest(connection, family, kind)


def history_of(engine: Engine, family: str, kind: str) -> tuple[Place, ...]:
    """Every place that counted once, the oldest first."""
    own = select(places).where(places.c.family == family, places.c.kind == kind)
    with reading(engine) as connection:
        rows = connection.execute(own.order_by(places.c.id)).all()
    return tuple(
        Place(**{name: value for name, value in row._mapping.items() if name != "id"})
        for row in rows
    )


def settle(engine: Engine, place: Place, *, instead_of: str | None) -> None:
    """Let a place count from now on, instead of the one of that mark; None: it is the first one.

    Raises OtherPlaceError when another one counts by then.
    """
    with writing(engine) as connection:
        known = newest(connection, place.family, place.kind)
        if (known.mark if known else None) != instead_of:
            raise OtherPlaceError(f"the {place.kind} of {place.family} is at {known} by now")
        connection.execute(insert(places).values(place.model_dump()))


def newest(connection: Connection, family: str, kind: str) -> Place | None:
    own = select(places).where(places.c.family == family, places.c.kind == kind)
    row = connection.execute(own.order_by(places.c.id.desc()).limit(1)).first()
    if row is None:
        return None
    return Place(**{name: value for name, value in row._mapping.items() if name != "id"})


# --- kept folders ---------------------------------------------------------------------------------

# Stored folders that runs need: the labels that the newest night carries to the next machine.


def folders_of_runs(connection: Connection) -> set[Digest]:
    """Of each job the folder that its newest run names in `labels`; older ones are in it, or were
    deleted since.
    """
    query = select(runs.c.job, runs.c.record).where(runs.c.record.like('%"labels":"%'))
    found: dict[str, Digest] = {}
    for job, record in connection.execute(query.order_by(runs.c.date)):
        found[job] = json.loads(record)["labels"]
    return set(found.values())
