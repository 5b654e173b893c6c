"""The nightly job: check the day's traffic, do what follows, notify people."""

from datetime import UTC, date, datetime, timedelta
from threading import Event

from monitoring.drift.reference_store import forget_user_days
from monitoring.night_action import run_retrain
from monitoring.night_check import check
from monitoring.night_context import NightContext
from monitoring.night_history import check_of, keep_check, nights_before
from monitoring.night_notice import notices
from monitoring.report.night_page import forget_pages, write_page
from monitoring.scheduling.job import JobResult, Work
from monitoring.trigger.waiting_corrections import queue_corrections
from project.errors import IncumbentError
from project.records.drift import Action
from registry.jobs.runs import Claim


def nightly(context: NightContext) -> Work:
    """The work of the nightly job."""

    def work(claim: Claim, stop: Event) -> JobResult:
        registry = context.registry
        refuse_unfinished(claim.date, registry.clock())
        night = check_of(registry.engine, registry.family, claim.date)
        if night is None:
            night = check(context, claim.date)
            keep_check(registry.engine, claim, night, registry.clock())
        if night.action is Action.RETRAIN:
            night = run_retrain(context, night, stop)
        any_own = night.tally is None or night.tally.corrected > 0
        queue_corrections(
            context.traffic, claim.date, context.trigger, context.keep_days, any_own=any_own
        )
        write_page(night, nights_before(registry.engine, registry.family, claim.date))
        forget(context, claim.date)
        return JobResult(night, tuple(notices(night)))

    return work


def forget(context: NightContext, day: date) -> None:
    """Delete what is older than the retention: traffic, and what was made of it."""
    before = day - timedelta(days=context.keep_days)
    context.traffic.expire(context.keep_days, day)
    context.embeddings.expire(context.keep_days)
    forget_user_days(before)
    forget_pages(context.registry.family, before)


def refuse_unfinished(day: date, now: datetime) -> None:
    """Raise IncumbentError for a UTC day that is not over, as in a time zone that is ahead."""
    if day >= now.astimezone(UTC).date():
        raise IncumbentError(f"{day} is not over yet in UTC: a night looks at a whole day")
