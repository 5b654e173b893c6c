"""Notices to people: each is written in the same transaction as what it is about, so that neither
is without the other. How they are sent is in monitoring/scheduling.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, insert, select

from project.canonical import stamp
from project.records.events import (
    DecisionMade,
    Event,
    Promotion,
    Rollback,
    Withdrawal,
)
from project.records.evidence import Verdict
from project.records.record import LATER, Record
from project.untrusted_input import one_line
from registry.storage.tables import outbox

HELD = "restore"  # the destination of what a restore gave up: none


class Notice(Record):
    """What happened, for people; the same key is the same notice."""

    key: str = Field(pattern=r"^[!-~]([ -~]{0,198}[!-~])?$")  # also a header's value
    kind: str = Field(pattern=r"^[a-z][a-z-]{0,62}$")
    text: str = Field(min_length=1)
    detail: dict[str, str | int | float | bool | None] = Field(default={})
    # Of the page that shows it, below the address of `incumbent review`.
    path: Annotated[str | None, Field(pattern=r"^/([\w.?=&-][\w/.?=&-]*)?$"), LATER] = None
    # Whose it is: only that family's scheduler sends it. None: every scheduler's.
    family: Annotated[str | None, LATER] = None
    # What users wrote: no destination gets it but one that asks for it.
    prompts: Annotated[tuple[str, ...] | None, LATER] = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def put(connection: Connection, notice: Notice, now: datetime) -> None:
    """Keep a notice to be sent, inside the caller's transaction; one with a known key is dropped.

    The connection comes from `writing`, so nobody else can put the key in between.
    """
    known = select(outbox.c.id).where(outbox.c.key == notice.key)
    if connection.execute(known).first():
        return
    row = {
        "key": notice.key,
        "record": notice.canonical().decode(),
        "created": stamp(now),
        "attempts": 0,
        "next_try": stamp(now),
        "delivered": "",
    }
    connection.execute(insert(outbox).values(row))


# --- event notices --------------------------------------------------------------------------------

# Registry events as notices: a webhook hears of a promotion as soon as it is in the history.


def notice_of(event: Event) -> Notice:
    """The notice of an event. Its key is the event's own, in whichever registry it is."""
    return Notice(
        key=f"event {event.seq} {event.digest[:16]}",
        kind=f"event-{event.kind}",
        text=one_line(f"{sentence(event)}: {event.reason}" if event.reason else sentence(event)),
        detail=facts(event),
        path=path_of(event),
        family=event.family,
    )


def facts(event: Event) -> dict[str, Any]:
    """The event's own fields, and those of its detail that are plain values."""
    told = event.detail.model_dump(mode="json", by_alias=True)
    plain = {name: value for name, value in told.items() if not isinstance(value, list | dict)}
    who = event.model_dump(mode="json", exclude={"detail", "kind"})
    return plain | who | {"event": event.digest}


def sentence(event: Event) -> str:
    """What happened and by whom, without the reason."""
    label = f"{event.family} v{event.version}" if event.version else event.family
    match event.detail:
        case Promotion(displaced=displaced, forced=forced):
            how = " by force" if forced else ""
            return f"{event.actor} promoted {label} over {named(displaced)}{how}"
        case Rollback(displaced=displaced):
            return f"{event.actor} rolled {named(displaced)} back to {label}"
        case Withdrawal():
            return f"{event.actor} withdrew {label}: the bare base is in its place"
        case DecisionMade(verdict=verdict):
            return f"the decision on {label} is {verdict.value}"
    return f"{event.actor} {DONE.get(event.kind, f'wrote {event.kind} about')} {label}"


DONE = {
    "submit": "submitted",
    "reject": "rejected",
    "delete": "deleted",
    "sign": "signed",
    "accept": "accepted the drift in the traffic of",
    "deploy": "deployed",
    "deploy-failed": "could not deploy",
    "changed": "found a change in the hosted model of",
    "experiment": "opened an experiment with",
    "experiment-end": "ended the experiment with",
}


def named(version: int | None) -> str:
    return f"v{version}" if version else "the bare base"


def path_of(event: Event) -> str | None:
    """The page that shows what happened: a decision that waits for a person, at its review."""
    if not event.version:
        return None
    waits = isinstance(event.detail, DecisionMade) and event.detail.verdict is Verdict.PROMOTE
    return f"/review/{event.version}" if waits else f"/versions/{event.version}"
