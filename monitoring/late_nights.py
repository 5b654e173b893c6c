"""Nights that could compare nothing, and whose rows have come since: they are judged again.

A test, of one signal over one window of nights, is made once, whenever its rows come. So a night
that compared nothing may be judged again as a whole: it has spent nothing of the false-alarm budget
yet. The late rows of all other nights count in the windows of the nights that follow.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from monitoring.night_context import NightContext
from monitoring.night_history import check_job, made_a_test, night_of, nightly_of
from project.records.drift import Night
from registry.jobs.run_span import runs_between
from registry.jobs.runs import RunState

REACH = timedelta(days=28)  # as far as the longest window, and late corrections, go back


def late_nights(context: NightContext) -> Mapping[date, str]:
    """The finished nights of the last four weeks that are to be judged again, each with why."""
    engine, family = context.registry.engine, context.registry.family
    today = context.registry.clock().date()
    first, last = today - REACH, today - timedelta(days=1)
    ended = runs_between(engine, nightly_of(family), first, last)
    over = {run.date for run in ended if run.state is RunState.FINISHED}
    checks = runs_between(engine, check_job(family), first, last)
    nights = {run.date: night_of(run) for run in checks if run.date in over}
    return {
        day: why for day, night in nights.items() if night and (why := why_again(context, night))
    }


def why_again(context: NightContext, night: Night) -> str | None:
    """Why a night that has a verdict is to be judged again; None: it stands."""
    if made_a_test(night) or lacked_a_reference(night):
        return None
    seen = context.traffic.seen(date.fromisoformat(night.date))
    if seen is None or seen == night.traffic:
        return None
    return "rows came after its night" if night.traffic else "its traffic came after its night"


def lacked_a_reference(night: Night) -> bool:
    """Whether there were rows, and nothing to compare them with: more rows change nothing."""
    return bool(night.traffic and not night.reference and not night.set_aside)
