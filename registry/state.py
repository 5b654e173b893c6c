"""What the registry holds, as a fold over its events: nothing else decides it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from project.records.events import Event

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
        match event.kind:
            case "submit":
                self.versions[event.version] = str(event.detail["version"])
            case "promote" | "rollback":
                self.aliases[CHAMPION] = event.version
                if event.detail.get("forced"):
                    self.forced.add(event.version)
            case "alias":
                self.move(str(event.detail["name"]), event)
            case "reject":
                self.rejected.add(event.version)
            case "delete":
                self.deleted.add(event.version)

    def move(self, name: str, event: Event) -> None:
        if event.detail["removed"]:
            self.aliases.pop(name, None)
        else:
            self.aliases[name] = event.version


def fold(events: Iterable[Event], until: str | None = None) -> State:
    """The state after all events, or after those up to a moment (RFC 3339, UTC, as events have)."""
    state = State()
    for event in events:
        if until is None or event.at <= until:
            state.apply(event)
    return state
