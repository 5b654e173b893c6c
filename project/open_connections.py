"""How many connections may stay open, and which one goes where there are too many.

Those that showed no key yet are counted apart: anybody can open them, and they must not keep out
who has one. Of those with keys the caller with the most loses one first.
"""

from typing import Protocol

STRANGERS = 1000  # connections that showed no key yet
IDLE = 1000  # of callers, beside those of running and waiting requests


class Open(Protocol):
    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        ...

    def cut(self) -> None:
        """End it at once."""
        ...


class OpenConnections:
    """One server's. All in one event loop."""

    def __init__(self, known: int, strangers: int = STRANGERS) -> None:
        self.most_known = known
        self.most_strangers = strangers
        self.owners: dict[Open, str] = {}
        self.known: dict[str, dict[Open, None]] = {}  # by caller, the longest silent first
        self.strangers: dict[Open, None] = {}

    @property
    def most(self) -> int:
        return self.most_known + self.most_strangers

    def came(self, one: Open) -> None:
        """A new one: the longest silent of those without a key goes where there are too many."""
        self.strangers[one] = None
        if len(self.strangers) > self.most_strangers:
            silent = (other for other in self.strangers if other.is_idle)
            self.end(next(silent, next(iter(self.strangers))))

    def spoke(self, one: Open) -> None:
        """It begins a request: others of its kind are silent for longer."""
        group = self.group(one)
        group.pop(one, None)
        group[one] = None

    def belongs(self, one: Open, caller: str) -> None:
        """It showed a key, or needs none."""
        if one in self.owners or one not in self.strangers:
            return
        del self.strangers[one]
        self.owners[one] = caller
        self.known.setdefault(caller, {})[one] = None
        if len(self.owners) > self.most_known:
            self.make_room()

    def make_room(self) -> None:
        most = max(self.known.values(), key=len)
        if (silent := next((one for one in most if one.is_idle), None)) is not None:
            self.end(silent)

    def end(self, one: Open) -> None:
        self.left(one)
        one.cut()

    def left(self, one: Open) -> None:
        self.group(one).pop(one, None)
        caller = self.owners.pop(one, None)
        if caller is not None and not self.known[caller]:
            del self.known[caller]

    def group(self, one: Open) -> dict[Open, None]:
        caller = self.owners.get(one)
        return self.strangers if caller is None else self.known[caller]
