"""The outbox: notices to people, kept until they are delivered.

A notice may reach its reader twice, when a process dies between sending and marking; it carries a
key by which the reader can see that. It is never lost.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    func,
    insert,
    or_,
    select,
    update,
)

from project.canonical import moment_of, stamp
from project.records.record import Record
from registry.notices import HELD, Notice
from registry.storage.database import erasing, reading, writing
from registry.storage.tables import deliveries, outbox

OVER = "the time for which traffic is kept is over"  # what is left of a notice's text
LONGEST_WAIT = timedelta(hours=6)  # for the next try; what lies further away is a clock set back


class Letter(Record):
    """A notice on its way."""

    id: int
    notice: Notice
    attempt: int  # counted from 1
    delivered: tuple[str, ...]  # the destinations that have it


def is_waiting(engine: Engine, now: datetime, family: str | None = None) -> bool:
    """Whether a notice is due: of a family, or of any one."""
    with reading(engine) as connection:
        return any(due(row, now, family) for row in connection.execute(unsent()))


def take(
    engine: Engine, now: datetime, hold: timedelta, family: str | None = None
) -> Letter | None:
    """The oldest notice that is due, which nobody else takes for a while; None: none is due. With
    a family, the notices of the others stay for theirs.
    """
    if not is_waiting(engine, now, family):  # most of the time there is nothing to lock for
        return None
    with writing(engine) as connection:
        rows = connection.execute(unsent().order_by(outbox.c.id)).all()
        row = next((row for row in rows if due(row, now, family)), None)
        if row is None:
            return None
        taken = {"attempts": row.attempts + 1, "next_try": stamp(now + hold)}
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(taken))
    return Letter(
        id=row.id,
        notice=Notice.model_validate_json(row.record),
        attempt=row.attempts + 1,
        delivered=tuple(row.delivered.split()),
    )


def unsent() -> Select[Any]:
    return select(outbox).where(outbox.c.sent_at.is_(None), outbox.c.next_try.is_not(None))


def due(row: Row[Any], now: datetime, family: str | None) -> bool:
    if now < moment_of(row.next_try) <= now + LONGEST_WAIT:
        return False
    return family is None or Notice.model_validate_json(row.record).family in (family, None)


def mark(connection: Connection, letter: Letter, delivered: tuple[str, ...]) -> None:
    """Keep which destinations have a notice, in the caller's transaction, at the last of them."""
    query = update(outbox).where(outbox.c.id == letter.id)
    connection.execute(query.values(delivered=" ".join(delivered)))


def close(engine: Engine, letter: Letter, now: datetime) -> None:
    """All destinations have the notice."""
    update_letter(engine, letter, sent_at=stamp(now))


def postpone(engine: Engine, letter: Letter, now: datetime, wait: timedelta | None) -> None:
    """Try again later; None: give up, until `revive`."""
    update_letter(engine, letter, next_try=None if wait is None else stamp(now + wait))


def revive(engine: Engine, now: datetime, notice: int | None = None) -> int:
    """Try again what was given up, or one such notice; returns how many notices that are.

    What a restore gave up may have been sent before: a person alone sends that again.
    """
    given_up = update(outbox).where(outbox.c.sent_at.is_(None), outbox.c.next_try.is_(None))
    given_up = given_up.where(outbox.c.id == notice if notice is not None else newest_try() != HELD)
    with writing(engine) as connection:
        again = given_up.values(next_try=stamp(now), attempts=0)
        return connection.execute(again).rowcount


def newest_try() -> ColumnElement[str]:
    """Which destination a notice was last tried at; "" for none."""
    same = deliveries.c.notice == outbox.c.id
    newest = select(deliveries.c.destination).where(same).order_by(deliveries.c.id.desc()).limit(1)
    return func.coalesce(newest.scalar_subquery(), "")


def forget_texts(engine: Engine, begins: str, before: date) -> None:
    """Leave the words out of notices whose keys begin so, with a date behind it, that were written
    before a day, or later of a date before it: a night may be judged late.
    """
    old = or_(outbox.c.created < str(before), outbox.c.key < f"{begins}{before}")
    where = (outbox.c.key.startswith(begins, autoescape=True), old)
    with reading(engine) as connection:
        rows = connection.execute(select(outbox.c.id, outbox.c.record).where(*where)).all()
    left = {row.id: wordless(row.record) for row in rows}
    changed = {row.id: left[row.id] for row in rows if left[row.id] != row.record}
    if not changed:
        return
    with erasing(engine) as connection:
        for number, record in changed.items():
            connection.execute(update(outbox).where(outbox.c.id == number).values(record=record))


def wordless(record: str) -> str:
    notice = Notice.model_validate_json(record)
    return (
        notice.model_copy(update={"text": OVER, "detail": {}, "prompts": None}).canonical().decode()
    )


def depth(engine: Engine) -> tuple[int, int]:
    """How many notices wait to be sent, and how many were given up."""
    counts = select(func.count(outbox.c.next_try), func.count()).where(outbox.c.sent_at.is_(None))
    with reading(engine) as connection:
        waiting, unsent = connection.execute(counts).one()
    return waiting, unsent - waiting


def update_letter(engine: Engine, letter: Letter, **values: object) -> None:
    with writing(engine) as connection:
        connection.execute(update(outbox).where(outbox.c.id == letter.id).values(values))


# --- deliveries -----------------------------------------------------------------------------------

# The history of deliveries: each try to send a notice, where to, and what came of it.

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
    """Keep what came of a try and, if it got there, the delivery; returns the letter now."""
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


# --- rows of the tables of notices and deliveries -----------------------------------------------

IN_STATE = {
    NoticeState.WAITING: (outbox.c.sent_at.is_(None), outbox.c.next_try.is_not(None)),
    NoticeState.SENT: (outbox.c.sent_at.is_not(None),),
    NoticeState.GIVEN_UP: (outbox.c.sent_at.is_(None), outbox.c.next_try.is_(None)),
}


def tries_of(connection: Connection, notices: list[int]) -> dict[int, tuple[Delivery, ...]]:
    query = select(deliveries).where(deliveries.c.notice.in_(notices)).order_by(deliveries.c.id)
    tries: dict[int, tuple[Delivery, ...]] = {}
    for row in connection.execute(query):
        values = {name: value for name, value in row._mapping.items() if name != "id"}
        tries[row.notice] = (*tries.get(row.notice, ()), Delivery.model_validate(values))
    return tries


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
