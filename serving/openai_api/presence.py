"""How long an answer is worth making: until its time is over, or nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive

from serving.callers.request_body import ClientGoneError


@asynccontextmanager
async def while_awaited(receive: Receive, seconds: float) -> AsyncIterator[None]:
    """Raises TimeoutError after that time, and ClientGoneError as soon as the client leaves."""
    left = False

    async def watch() -> None:
        nonlocal left
        while (await receive())["type"] != "http.disconnect":
            pass
        left = True
        limit.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(seconds) as limit:
            watching = asyncio.create_task(watch())
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if left:
            raise ClientGoneError from None
        raise
