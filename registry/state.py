"""What the registry holds, as a fold over its events: nothing else decides it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from project.records.events import (
    AliasMove,
    Deletion,
    Event,
    Promotion,
    Rejection,
    Rollback,
    Submission,
    Withdrawal,
)

CHAMPION = "champion"


@dataclass
class State:
    """One family's state after some events."""

    versions: dict[int, str] = field(default_factory=dict)  # number -> digest of its record
    aliases: dict[str, int] = field(default_factory=dict)
    forced: set[int] = field(default_factory=set)  # promoted without a verdict, marked for ever
    rejected: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)

    def apply(self, event: Event) -> None:
        match event.detail:
            case Submission(version=record):
                self.versions[event.version] = record
            case Promotion(forced=forced):
                self.aliases[CHAMPION] = event.version
                if forced:
                    self.forced.add(event.version)
            case Rollback():
                self.aliases[CHAMPION] = event.version
            case Withdrawal():
                self.aliases.pop(CHAMPION, None)
            case AliasMove(name=name, removed=0):
                self.aliases[name] = event.version
            case AliasMove(name=name):
                self.aliases.pop(name, None)
            case Rejection():
                self.rejected.add(event.version)
            case Deletion():
                self.deleted.add(event.version)


def fold(events: Iterable[Event], until: str | None = None) -> State:
    """The state after all events, or after those up to a moment (RFC 3339, UTC, as events have)."""
    state = State()
    for event in events:
        if until is None or event.at <= until:
            state.apply(event)
    return state
