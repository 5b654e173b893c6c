"""The history of deliveries: each try to send a notice, where to, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select

from project.records.record import Record
from project.times import stamp
from registry.jobs.outbox import Letter, Notice, mark
from registry.storage.database import reading, writing
from registry.storage.tables import deliveries, outbox

LONGEST_PROBLEM = 500  # characters


class Delivery(Record):
    """One try to send a notice to one destination. Times are RFC 3339, UTC."""

    notice: int  # its id in the outbox
    attempt: int  # counted from 1, anew after a person or a restart revived it
    destination: str  # such as webhook
    place: str  # a host or a program: an address is often a secret
    at: str
    seconds: float
    problem: str | None  # None: it was delivered

    def __str__(self) -> str:
        came = self.problem or "delivered"
        return f"{self.at} notice {self.notice} to {self.place}, attempt {self.attempt}: {came}"


class NoticeState(StrEnum):
    WAITING = "waiting"  # for its first or its next try
    SENT = "sent"
    GIVEN_UP = "given up"  # until a person or a restart of the scheduler revives it


class SentNotice(Record):
    """A notice of the outbox, and every try to deliver it, the oldest first."""

    id: int
    notice: Notice
    created: str
    state: NoticeState
    next_try: str | None
    sent_at: str | None
    tries: tuple[Delivery, ...]


def record_try(
    engine: Engine,
    letter: Letter,
    destination: str,
    place: str,
    began: datetime,
    seconds: float,
    problem: str | None,
) -> Letter:
    """Keep what came of a try, and in one transaction that the destination has the notice.

    Returns the letter as it is now.
    """
    delivered = letter.delivered if problem else (*letter.delivered, destination)
    row = Delivery(
        notice=letter.id,
        attempt=letter.attempt,
        destination=destination,
        place=place[:255],
        at=stamp(began),
        seconds=round(seconds, 3),
        problem=problem and problem[:LONGEST_PROBLEM],
    )
    with writing(engine) as connection:
        connection.execute(insert(deliveries).values(row.model_dump()))
        if not problem:
            mark(connection, letter, delivered)
    return letter.model_copy(update={"delivered": delivered})


def newest_notices(
    engine: Engine, limit: int, *, before: int | None = None, state: NoticeState | None = None
) -> tuple[SentNotice, ...]:
    """Notices with their tries, the newest first; with ids below `before`, in one state."""
    query = select(outbox).order_by(outbox.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(outbox.c.id < before)
    if state is not None:
        query = query.where(*IN_STATE[state])
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        tried = tries_of(connection, [row.id for row in rows])
    return tuple(sent_notice(row, tried.get(row.id, ())) for row in rows)


# --- one level down -----------------------------------------------------------------------------

IN_STATE = {
    NoticeState.WAITING: (outbox.c.sent_at.is_(None), outbox.c.next_try.is_not(None)),
    NoticeState.SENT: (outbox.c.sent_at.is_not(None),),
    NoticeState.GIVEN_UP: (outbox.c.sent_at.is_(None), outbox.c.next_try.is_(None)),
}


def tries_of(connection: Connection, notices: list[int]) -> dict[int, tuple[Delivery, ...]]:
    query = select(deliveries).where(deliveries.c.notice.in_(notices)).order_by(deliveries.c.id)
    found: dict[int, tuple[Delivery, ...]] = {}
    for row in connection.execute(query):
        values = {name: value for name, value in row._mapping.items() if name != "id"}
        found[row.notice] = (*found.get(row.notice, ()), Delivery.model_validate(values))
    return found


def sent_notice(row: Row[Any], tries: tuple[Delivery, ...]) -> SentNotice:
    return SentNotice(
        id=row.id,
        notice=Notice.model_validate_json(row.record),
        created=row.created,
        state=state_of(row),
        next_try=row.next_try,
        sent_at=row.sent_at,
        tries=tries,
    )


def state_of(row: Row[Any]) -> NoticeState:
    if row.sent_at is not None:
        return NoticeState.SENT
    return NoticeState.WAITING if row.next_try is not None else NoticeState.GIVEN_UP
