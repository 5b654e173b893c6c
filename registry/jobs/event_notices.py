"""Registry events as notices: a webhook hears of a promotion as soon as it is in the history."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from project.records.events import DecisionMade, Event, EventKind, Promotion, Rollback
from project.records.evidence import Verdict
from project.times import moment_of
from project.untrusted_input import one_line
from registry.jobs.outbox import Notice, put


def put_notice(connection: Connection, event: Event, kinds: Collection[EventKind]) -> None:
    """Keep a notice of an event, if people are notified of its kind. Inside the transaction that
    writes the event: neither is without the other.
    """
    if event.kind in kinds:
        put(connection, notice_of(event), moment_of(event.at))


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
            how = " by force, without a verdict" if forced else ""
            return f"{event.actor} promoted {label} over {named(displaced)}{how}"
        case Rollback(displaced=displaced):
            return f"{event.actor} rolled {named(displaced)} back to {label}"
        case DecisionMade(verdict=verdict):
            return f"the decision on {label} is {verdict.value}"
    return f"{event.actor} {DONE.get(event.kind, f'wrote {event.kind} about')} {label}"


DONE = {
    "submit": "submitted",
    "reject": "rejected",
    "delete": "deleted",
    "sign": "signed",
    "deploy": "deployed",
    "deploy-failed": "could not deploy",
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
