"""How much of the data waits for a person, as the data pages count it."""

from collections.abc import Callable
from datetime import date
from typing import Protocol

from fastapi import Request


class DataWaiting(Protocol):
    """Counts; 0 where nothing waits."""

    @property
    def failed_checks(self) -> int: ...
    @property
    def waivers_ending(self) -> int: ...
    @property
    def synthetic(self) -> int: ...
    @property
    def labels(self) -> int: ...
    @property
    def corrections(self) -> int: ...


def data_waiting(request: Request, today: date) -> DataWaiting | None:
    """What the application's own function counts: pages of one area do not know another's."""
    count: Callable[[date], DataWaiting] | None
    count = getattr(request.app.state, "data_waiting", None)
    return count(today) if count else None
