"""A lease that is renewed in the background for as long as its run takes."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic

from sqlalchemy import Engine

from project.errors import IncumbentError
from registry.jobs.runs import Claim, LostLeaseError, renew

RENEWALS = 3  # in the time that a lease lasts

log = logging.getLogger(__name__)


@contextmanager
def held(
    engine: Engine, claim: Claim, clock: Callable[[], datetime], lease: timedelta, stop: Event
) -> Iterator[None]:
    """Renew a claim's lease until the block ends; set `stop` as soon as it is lost.

    It is lost when somebody else has it, or may have it because no renewal came through in time.
    """
    done = Event()

    def keep() -> None:
        renewed = monotonic()
        while not (done.wait(lease.total_seconds() / RENEWALS) or stop_of(renewed)):
            try:
                renew(engine, claim, clock(), lease)
                renewed = monotonic()
            except LostLeaseError as error:
                log.error("%s", error)
                stop.set()
                return
            except IncumbentError as error:
                log.warning("%s: its lease was not renewed: %s", claim, error)

    def stop_of(renewed: float) -> bool:
        if monotonic() - renewed <= lease.total_seconds():
            return False
        log.error("%s: its lease ran out, and somebody else may have begun", claim)
        stop.set()
        return True

    thread = Thread(target=keep, name=f"lease of {claim}")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
