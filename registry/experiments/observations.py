"""What experiments are judged by: a value for each user and metric, in the order of arrival.

All gateways write into one table, under the writers' lock, so that a higher number came later and
none is filled in behind what somebody has read.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pydantic import Field
from sqlalchemy import Connection, Engine, insert, select

from project.records.record import Digest, Record
from registry.storage.database import reading, writing
from registry.storage.tables import observations

Arm = Literal["champion", "challenger", "shadow"]
Key = tuple[int, Digest, str, Arm]
AT_A_TIME = 500  # users that one query asks about


class Observation(Record):
    """What one answer, or what a user made of it, is worth in one metric."""

    experiment: int  # the number of the event that opened it
    unit: Digest  # the user: of the experiment's salt, the caller's name and the user's
    arm: Arm
    metric: str = Field(min_length=1, max_length=16)
    value: float
    at: str  # RFC 3339, UTC

    @property
    def key(self) -> Key:
        """Of which the first one counts."""
        return (self.experiment, self.unit, self.metric, self.arm)


class Arrival(NamedTuple):
    """One that is in the table. Not a record: a large experiment has a million of them."""

    id: int  # the order of arrival
    unit: Digest
    arm: Arm
    metric: str
    value: float


def put_observations(engine: Engine, found: Iterable[Observation]) -> int:
    """Keep those that are the first of their key; returns how many. Raises IncumbentError when the
    database cannot be written to; none is kept then.
    """
    first: dict[Key, Observation] = {}
    for one in found:
        first.setdefault(one.key, one)
    if not first:
        return 0
    with writing(engine) as connection:
        known = known_keys(connection, list(first.values()))
        rows = [one.model_dump() for key, one in first.items() if key not in known]
        if rows:
            connection.execute(insert(observations), rows)
    return len(rows)


def known_keys(connection: Connection, found: Sequence[Observation]) -> set[Key]:
    columns = observations.c
    known: set[Key] = set()
    for start in range(0, len(found), AT_A_TIME):
        some = found[start : start + AT_A_TIME]
        query = select(columns.experiment, columns.unit, columns.metric, columns.arm).where(
            columns.experiment.in_({one.experiment for one in some}),
            columns.unit.in_({one.unit for one in some}),
        )
        known.update((row[0], row[1], row[2], row[3]) for row in connection.execute(query))
    return known


def read_observations(engine: Engine, experiment: int, after: int = 0) -> list[Arrival]:
    """Those of an experiment with numbers above `after`, in the order of arrival."""
    columns = observations.c
    query = (
        select(columns.id, columns.unit, columns.arm, columns.metric, columns.value)
        .where(columns.experiment == experiment, columns.id > after)
        .order_by(columns.id)
    )
    with reading(engine) as connection:
        return [Arrival(*row) for row in connection.execute(query)]
