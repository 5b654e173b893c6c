"""An event of the history as pages and programs read it."""

from typing import Any

from project.records.events import DecisionMade, Event, EventKind
from project.records.evidence import Verdict
from project.records.record import Digest, Record
from review.frame.event_words import event_words


class EventLine(Record):
    """One line of the history. `version` is 0 where it is about none."""

    seq: int
    at: str
    kind: EventKind
    words: str  # what happened, after the actor's name
    version: int
    actor: str
    reason: str
    verdict: Verdict | None  # of a decision
    detail: dict[str, Any]  # as it is stored; its fields depend on the kind
    event_digest: Digest
    previous: Digest


def event_line(event: Event) -> EventLine:
    return EventLine(
        seq=event.seq,
        at=event.at,
        kind=event.kind,
        words=event_words(event),
        version=event.version,
        actor=event.actor,
        reason=event.reason,
        verdict=event.detail.verdict if isinstance(event.detail, DecisionMade) else None,
        detail=event.detail.model_dump(mode="json"),
        event_digest=event.digest,
        previous=event.previous,
    )
