"""How often somebody may ask: a bucket of tokens each, which fills up again evenly."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

MOST_KEPT = 10_000  # buckets; one that is full again can be forgotten


@dataclass
class Buckets:
    """A minute's tokens for each key. A burst may take them all at once."""

    a_minute: int
    clock: Callable[[], float] = time.monotonic
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)  # tokens, and when
    _lock: Lock = field(default_factory=Lock)

    def wait(self, key: str) -> float:
        """Take a token: 0, or the seconds until there is one again."""
        now = self.clock()
        with self._lock:
            tokens = self._level(key, now)
            if tokens >= 1:
                self._levels.pop(key, None)  # so that the newest stand last
                self._levels[key] = (tokens - 1, now)
                self._forget()
                return 0.0
            self._levels[key] = (tokens, now)
            return (1 - tokens) * 60 / self.a_minute

    def _level(self, key: str, now: float) -> float:
        tokens, at = self._levels.get(key, (float(self.a_minute), now))
        return min(self.a_minute, tokens + (now - at) * self.a_minute / 60)

    def _forget(self) -> None:
        while len(self._levels) > MOST_KEPT:
            del self._levels[next(iter(self._levels))]
