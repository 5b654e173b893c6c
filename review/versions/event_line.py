"""An event of the history as pages and programs read it."""

from typing import Any

from project.records.events import DecisionMade, Event, EventKind
from project.records.evidence import Verdict
from project.records.record import Digest, Record

# What happened, after the actor's name.
WORDS: dict[EventKind, str] = {
    "submit": "submitted it",
    "sign": "signed it",
    "open": "took a look at the sealed eval set",
    "decide": "kept a decision",
    "promote": "promoted it",
    "rollback": "rolled back to it",
    "reject": "rejected it",
    "alias": "moved an alias",
    "delete": "deleted it",
    "rotate": "let eval items leave",
    "erase": "erased rows",
    "watch": "froze the prompts that its nights are compared with",
    "watch-answers": "froze the answers that its nights are compared with",
    "ask": "asked for votes",
    "show": "was shown an item",
    "vote": "voted",
    "unvote": "took a vote back",
}


class EventLine(Record):
    """One line of the history. `version` is 0 where it is about none."""

    seq: int
    at: str
    kind: EventKind
    version: int
    actor: str
    reason: str
    verdict: Verdict | None  # of a decision
    detail: dict[str, Any]  # as it is stored; its fields depend on the kind
    event_digest: Digest
    previous: Digest

    @property
    def words(self) -> str:
        return WORDS.get(self.kind, self.kind)


def event_line(event: Event) -> EventLine:
    return EventLine(
        seq=event.seq,
        at=event.at,
        kind=event.kind,
        version=event.version,
        actor=event.actor,
        reason=event.reason,
        verdict=event.detail.verdict if isinstance(event.detail, DecisionMade) else None,
        detail=event.detail.model_dump(mode="json"),
        event_digest=event.digest,
        previous=event.previous,
    )
