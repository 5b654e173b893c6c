"""When what failed is tried again: after growing pauses, and at once when there is news."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

LONGEST = 600.0  # seconds between two tries
Key = tuple[int, str | None]  # a version, and the replica where it failed


@dataclass(frozen=True)
class Try:
    failures: int
    next: float  # on the clock
    news: int  # the newest event about the version then


class Retries:
    """Memory of one follower; `first` is the pause after the first failure, in seconds."""

    def __init__(self, first: float, clock: Callable[[], float]) -> None:
        self.first = first
        self.clock = clock
        self.tries: dict[Key, Try] = {}

    def due(self, key: Key, news: int) -> bool:
        last = self.tries.get(key)
        return last is None or news > last.news or self.clock() >= last.next

    def failed(self, key: Key, news: int) -> None:
        last = self.tries.get(key)
        failures = last.failures + 1 if last and last.news == news else 1
        pause = min(self.first * 2 ** min(failures - 1, 30), LONGEST)
        self.tries[key] = Try(failures, self.clock() + pause, news)

    def forget(self, key: Key) -> None:
        self.tries.pop(key, None)

    def keep(self, numbers: Collection[int]) -> None:
        self.tries = {key: last for key, last in self.tries.items() if key[0] in numbers}
