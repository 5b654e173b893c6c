"""A request's body and its place in the line: both bounded."""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive

from project.errors import InputError
from project.records.record import HALF, is_half
from project.untrusted_input import strict_json

# --- api error ------------------------------------------------------------------------------------

# What a caller is told when there is no answer, in the shape of OpenAI's API.

TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "invalid_request_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "invalid_request_error",
    421: "invalid_request_error",
    429: "requests",
}


@dataclass
class ApiError(Exception):
    """A request ends with this status and message. The message may be shown to anybody."""

    status: int
    message: str
    param: str | None = None  # the field of the request that it is about
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    logged: str | None = None  # in a log, instead of the message

    @property
    def for_log(self) -> str:
        """A refusal may quote what the request says, which no log holds: the field stands there."""
        if self.logged is not None or self.status != 400:
            return self.message if self.logged is None else self.logged
        field = f"`{self.param.partition('.')[0]}`" if self.param else "The request"
        return f"{field} was refused{f' ({self.code})' if self.code else ''}."

    @property
    def body(self) -> dict[str, Any]:
        kind = TYPES.get(self.status, "server_error")
        told = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": told}


def fault() -> ApiError:
    """A fault of ours: its traceback is in the log, and in no answer."""
    return ApiError(500, "Something broke here. The log says what, by the request's id.")


def ended() -> ApiError:
    """This server was told to end, and the answer was not made in the time that was left."""
    problem = "The server ended before the answer did. Ask again."
    return ApiError(503, problem, code="server_ended", headers=after(1))


def after(seconds: float) -> dict[str, str]:
    """The header that says when to try again: whole seconds, one at least."""
    return {"Retry-After": str(max(1, -int(-seconds // 1)))}


# --- request body ---------------------------------------------------------------------------------

# A request's body, read up to a limit of bytes and of time before anything looks at it.

SECONDS = 30.0  # who sends a byte now and then would hold a connection for ever


class ClientGoneError(Exception):
    """The client closed the connection: there is nobody to answer."""


BODY_BYTES = 1 << 20  # of a request: a prompt of 8,192 tokens takes some 40 kB


async def read_body(
    receive: Receive, headers: Headers, limit: int, seconds: float = SECONDS
) -> bytes:
    """Raises ApiError for one that is too long or takes too long, ClientGoneError without an
    end.
    """
    size = headers.get("content-length", "0")
    if not size.isdecimal() or len(size) > 15 or int(size) > limit:
        raise too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            return await whole_body(receive, limit)
    except TimeoutError:
        raise ApiError(408, "The request took too long to arrive.", headers=CLOSE) from None


async def whole_body(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if length > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return b"".join(parts)


# The rest of a body that was not read must not be taken for the next request.
CLOSE = {"Connection": "close"}


def too_large(limit: int) -> ApiError:
    return ApiError(413, f"A request may hold {limit:,} bytes at most.", headers=CLOSE)


# --- json body ------------------------------------------------------------------------------------

# A request's JSON, read strictly: what two readers could take for two things is refused.

NAME = Path("The request")  # in messages
# A number that may be above all floats, which Python reads as infinity.
HUGE = re.compile(rb"[0-9][eE]\+?[0-9]{3}|[0-9]{300}")
MOST_DEEP = 64  # objects and lists in one another; schemas of tools take a dozen


def json_object(body: bytes) -> dict[str, Any]:
    """Raises ApiError for what is no JSON object, has a key twice, or cannot be passed on."""
    try:
        fields = strict_json(body, NAME)
    except InputError as error:
        raise ApiError(400, f"{error}.") from None
    if not isinstance(fields, dict):
        raise ApiError(400, "The request must be a JSON object.")
    if HALF.search(body) and is_half(fields):
        raise ApiError(400, "The request holds half of a character (a lone surrogate).")
    if too_deep(body, fields):
        raise ApiError(400, "The request is nested too deep.")
    if HUGE.search(body) and is_endless(fields):
        raise ApiError(400, "The request holds a number that is too large.")
    return fields


def is_endless(value: object) -> bool:
    """Whether a number in it was read as infinity."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return True
    return False


def too_deep(body: bytes, found: object) -> bool:
    """Each step goes one level down. Few brackets cannot be deep, so that most are not walked."""
    if body.count(b"[") + body.count(b"{") <= MOST_DEEP:
        return False
    level = [found]
    for _ in range(MOST_DEEP):
        level = [inner for value in level for inner in inside(value)]
        if not level:
            return False
    return True


def inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


# --- waiting line ---------------------------------------------------------------------------------

# How many requests are answered at a time, who is next, and what is told to who finds it full.

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
