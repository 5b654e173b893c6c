"""A retrain's slot: how many may run at once, over all machines, and how many a week."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event

from sqlalchemy import Connection

from monitoring.night_context import NightContext
from monitoring.scheduling.job import NotYetError, StoppedError
from monitoring.scheduling.scheduler import held
from project.errors import IncumbentError
from project.times import moment_of
from registry.jobs import runs
from registry.jobs.retrain_slots import Retrains, claim_slot, quota_refusal, retrains
from registry.jobs.runs import Claim
from registry.storage.database import writing

log = logging.getLogger(__name__)


def over_quota(context: NightContext) -> str | None:
    """What the family's quota says against a retrain now; None: nothing."""
    registry, now = context.registry, context.registry.clock()
    known = retrains(registry.engine, now)
    started = [moment_of(one) for one in known.started.get(registry.family, ())]
    return quota_refusal(started, context.limits.quota, now)


@contextmanager
def retrain_slot(context: NightContext, claim: Claim, stop: Event) -> Iterator[None]:
    """Hold a slot for the retrain of a night until the block ends; set `stop` where it is lost.

    Raises NotYetError where it is not the family's turn: it waits, and keeps its place.
    """
    engine, clock, lease = context.registry.engine, context.registry.clock, context.lease
    family, limits = context.registry.family, context.limits
    slot = claim_slot(engine, family, claim, clock(), lease, limits)
    if slot is None:
        raise NotYetError(waits(retrains(engine, clock()), limits.at_once))
    try:
        with held(engine, slot, clock, lease, stop):
            yield
    except BaseException as error:
        end_slot(context, slot, error)
        raise
    end_slot(context, slot, None)


def end_slot(context: NightContext, slot: Claim, error: BaseException | None) -> None:
    """Give a slot back. What fails here harms no retrain: a lease ends by itself too."""
    now = context.registry.clock()
    try:
        with writing(context.registry.engine) as connection:
            note_end(connection, slot, now, error)
    except IncumbentError as problem:
        log.warning("%s: its slot is free once its lease is over: %s", slot, problem)


def note_end(
    connection: Connection, slot: Claim, now: datetime, error: BaseException | None
) -> None:
    if error is None:
        runs.finish(connection, slot, now, "ended")
    elif isinstance(error, StoppedError | KeyboardInterrupt):
        runs.release(connection, slot, now, str(error))
    else:
        runs.fail(connection, slot, now, str(error), None)


def waits(known: Retrains, at_once: int | None) -> str:
    """Why a retrain does not begin yet."""
    if at_once is None:
        return "another retrain of this family runs"
    running = ", ".join(sorted(known.running)) or "none"
    others = len(known.waiting) - 1
    queue = f"; {others} more in the queue" if others > 0 else ""
    return f"the retrain waits for its turn: {at_once} at once, running now: {running}{queue}"
