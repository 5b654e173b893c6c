"""Which schedulers live, and what they do next."""

from datetime import datetime

from sqlalchemy import Engine

from project.records.record import Record
from registry.jobs.heartbeats import living


class SchedulerLine(Record):
    """What one scheduler said of itself last. Times are RFC 3339, UTC."""

    holder: str
    seen: str
    alive: bool
    doing: str | None
    next_job: str | None
    next_at: str | None
    refuses: str | None  # why its machine must not do a job; it does the others


def schedulers(engine: Engine, now: datetime) -> tuple[SchedulerLine, ...]:
    """Those that were seen within about a day, the one seen last first."""
    return tuple(
        SchedulerLine(
            holder=beat.holder,
            seen=beat.at,
            alive=beat.is_fresh(now),
            doing=beat.doing,
            next_job=beat.next_job,
            next_at=beat.next_at,
            refuses=beat.refuses,
        )
        for beat in living(engine)
    )
