"""Signs of life: which schedulers run, and what each will do next."""

from datetime import datetime, timedelta
from typing import Annotated

from sqlalchemy import Engine, delete, insert, select

from project.canonical import moment_of
from project.records.record import LATER, Record
from project.untrusted_input import one_line
from registry.storage.database import reading, writing
from registry.storage.tables import heartbeats

FRESH = timedelta(minutes=2)  # the age up to which a heartbeat tells of life
FORGOTTEN = timedelta(days=1)  # a dead scheduler is seen for so long


class Heartbeat(Record):
    """What a scheduler said of itself last. Times are RFC 3339, UTC."""

    holder: str
    at: str
    doing: str | None  # the run that it is at
    next_job: str | None
    next_at: str | None
    refuses: Annotated[str | None, LATER] = None  # why this machine must not do a job
    # Of a scheduler for many projects: retrains a week of each family, and at once of all.
    quotas: Annotated[dict[str, int] | None, LATER] = None
    at_once: Annotated[int | None, LATER] = None

    def age(self, now: datetime) -> timedelta:
        """The distance from now; a clock that was set back makes no heartbeat fresh."""
        return abs(now - moment_of(self.at))

    def is_fresh(self, now: datetime) -> bool:
        """Whether it tells of life."""
        return self.age(now) <= FRESH

    @property
    def machine(self) -> str:
        """The name of its host."""
        return self.holder.rsplit(":", 2)[0]

    @property
    def sign(self) -> str:
        """What it is at, or what comes next."""
        doing = f"at {self.doing}" if self.doing else f"next {self.next_job} at {self.next_at}"
        return f"scheduler {self.holder}, last seen {self.at}, {doing}"

    def __str__(self) -> str:
        return f"{self.sign}; refuses: {one_line(self.refuses)}" if self.refuses else self.sign


def beat(engine: Engine, heartbeat: Heartbeat) -> None:
    """Say that a scheduler lives, and forget those that are dead for long."""
    now = moment_of(heartbeat.at)
    dead = [h.holder for h in living(engine) if h.age(now) > FORGOTTEN]
    with writing(engine) as connection:
        gone = heartbeats.c.holder.in_([*dead, heartbeat.holder])
        connection.execute(delete(heartbeats).where(gone))
        row = {"holder": heartbeat.holder, "record": heartbeat.canonical().decode()}
        connection.execute(insert(heartbeats).values(row))


def farewell(engine: Engine, holder: str) -> None:
    """A scheduler that ends in order leaves no sign."""
    with writing(engine) as connection:
        connection.execute(delete(heartbeats).where(heartbeats.c.holder == holder))


def living(engine: Engine) -> tuple[Heartbeat, ...]:
    """The schedulers that were seen within about a day, the one seen last first."""
    with reading(engine) as connection:
        rows = connection.execute(select(heartbeats.c.record)).scalars().all()
    beats = (Heartbeat.model_validate_json(row) for row in rows)
    return tuple(sorted(beats, key=lambda h: h.at, reverse=True))
