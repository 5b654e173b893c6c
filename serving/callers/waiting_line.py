"""How many requests are answered at a time, who is next, and what is told to who finds it full."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from serving.callers.request_body import ApiError, after

WEIGHT = 0.1  # of the newest answer in the running mean of how long one takes
FIRST_GUESS = 1.0  # seconds of an answer before there was one

Waiter = tuple[str, asyncio.Future[None]]  # whose it is, and its turn


class WaitingLine:
    """A free place goes to the caller who has the fewest, so that one who asks for all of them does
    not shut the others out; of one caller's requests the first to come is the first. Where the line
    is full, the newest of whoever has the most in it makes room for a caller with fewer.

    No caller has more than `most_of_one()` places at a time: the others need not wait until answers
    end that take minutes.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        clock: Callable[[], float] = time.monotonic,
        most_of_one: Callable[[], int] | None = None,
    ) -> None:
        self.most_running = running
        self.most_waiting = waiting
        self.most_of_one = most_of_one or (lambda: running)
        self.clock = clock
        self.running = 0
        self.seconds = FIRST_GUESS  # that an answer takes, on average
        self._places: Counter[str] = Counter()  # by caller
        self._waiters: list[Waiter] = []

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def expected_wait(self) -> float:
        """Seconds until all that wait now have begun."""
        return (self.waiting + 1) / self.most_running * self.seconds

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Wait for a place, and have it in the block. Raises ApiError when too many wait."""
        if self.running < self.most_running and self._may_have_more(caller):
            self._take(caller)
        else:
            await self._wait(caller)
        began = self.clock()
        try:
            yield
        finally:
            self.seconds += WEIGHT * (self.clock() - began - self.seconds)
            self._leave(caller)

    async def _wait(self, caller: str) -> None:
        if self.waiting >= self.most_waiting:
            self._make_room_for(caller)
        waiter = (caller, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            await waiter[1]  # raises ApiError where it had to make room
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif not waiter[1].exception():  # it was given a place in the same moment
                self._leave(caller)
            raise

    def _make_room_for(self, caller: str) -> None:
        """Raises ApiError where nobody has more waiting requests than this caller will have."""
        there = [waiter for waiter in self._waiters if not waiter[1].done()]
        waiting = Counter(waiter[0] for waiter in there)
        most = max(waiting, key=lambda name: waiting[name], default=caller)
        if waiting[most] <= waiting[caller] + 1:
            raise self._full()
        newest = next(waiter for waiter in reversed(there) if waiter[0] == most)
        self._waiters.remove(newest)
        newest[1].set_exception(self._full())

    def _full(self) -> ApiError:
        return ApiError(
            429,
            f"{self.waiting:,} requests wait already. Try again later.",
            code="rate_limit_exceeded",
            headers=after(self.expected_wait),
        )

    def _take(self, caller: str) -> None:
        self.running += 1
        self._places[caller] += 1

    def _leave(self, caller: str) -> None:
        self.running -= 1
        self._places[caller] -= 1
        if not self._places[caller]:
            del self._places[caller]
        while self.running < self.most_running and (waiter := self._next()):
            self._waiters.remove(waiter)
            self._take(waiter[0])
            waiter[1].set_result(None)

    def _next(self) -> Waiter | None:
        """Whose turn it is. Who was cancelled in this moment is in the list, its turn done."""
        there = (w for w in self._waiters if not w[1].done() and self._may_have_more(w[0]))
        return min(there, key=lambda waiter: self._places[waiter[0]], default=None)

    def _may_have_more(self, caller: str) -> bool:
        return self._places[caller] < self.most_of_one()
