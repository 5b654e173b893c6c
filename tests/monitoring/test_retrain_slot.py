"""A night's retrain takes a slot, keeps its place while it waits, and is refused over its quota."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from monitoring.night_action import over_quota, retrain_slot
from monitoring.night_context import NightContext
from monitoring.scheduling import runs
from monitoring.scheduling.job import Cron, Job, JobResult, NotYetError, ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.retrain_slots import RetrainLimits, ask_turn, retrains
from monitoring.scheduling.runs import Claim, RunState
from project.errors import IncumbentError, StoppedError
from project.records.adapters import Adapter
from tests.quick_nights import NOW, opened, site_of

DAY = date(2026, 3, 30)
NIGHT = Claim(job="nightly bank", date=DAY, holder="a", fence=1, attempt=1)
ONE = RetrainLimits(at_once=1, quota=1)


@pytest.fixture
def context(make_adapter: Callable[[str], tuple[Adapter, Path]]) -> Iterator[NightContext]:
    with opened(make_adapter) as registry:
        yield replace(site_of(registry), limits=ONE)


def of(context: NightContext, family: str) -> NightContext:
    """Another family of the same registry."""
    registry = copy(context.registry)
    registry.family = family
    return replace(context, registry=registry)


def state(context: NightContext) -> RunState:
    (run,) = runs.runs_of(context.registry.engine, f"retrain {context.registry.family}")
    return run.state


def test_a_retrain_that_ended_counts_against_the_quota(context: NightContext) -> None:
    assert over_quota(context) is None
    with retrain_slot(context, NIGHT, Event()):
        assert state(context) is RunState.RUNNING
    assert state(context) is RunState.FINISHED
    assert over_quota(context) == (
        "the quota of 1 retrains a week is used up until 2026-04-07 12:00 UTC"
    )


def test_a_retrain_that_failed_counts_too_and_one_that_was_stopped_does_not(
    context: NightContext,
) -> None:
    with pytest.raises(StoppedError), retrain_slot(context, NIGHT, Event()):
        raise StoppedError("asked to")
    assert (state(context), over_quota(context)) == (RunState.WAITING, None)
    with pytest.raises(IncumbentError, match="no disk"), retrain_slot(context, NIGHT, Event()):
        raise IncumbentError("no disk")
    assert state(context) is RunState.FAILED
    assert over_quota(context) is not None


def test_a_night_that_waits_is_given_back_and_goes_on_when_it_is_its_turn(
    context: NightContext,
) -> None:
    engine, begun = context.registry.engine, []

    def work(claim: Claim, stop: Event) -> JobResult:
        begun.append(claim.attempt)
        with retrain_slot(context, claim, stop):
            return JobResult("retrained")

    night = Job(
        "nightly bank",
        Cron("30 2 * * *", "UTC"),
        work,
        ask_turn=lambda day: ask_turn(engine, "bank", day, NOW, context.limits),
    )
    scheduler = Scheduler(ScheduleParams(catch_up_days=1), [night], engine, clock=lambda: NOW)
    with retrain_slot(of(context, "shop"), NIGHT, Event()):
        scheduler.tick()
        scheduler.tick()
        (run,) = runs.runs_of(engine, "nightly bank")
        assert (begun, run.state, run.attempts) == ([1], RunState.WAITING, 0)
        assert run.problem == ("the retrain waits for its turn: 1 at once, running now: shop")
    scheduler.tick()
    (run,) = runs.runs_of(engine, "nightly bank")
    assert (begun, run.state) == ([1, 1], RunState.FINISHED)


def test_without_limits_a_retrain_is_counted_and_waits_for_nobody_else(
    context: NightContext,
) -> None:
    free = replace(of(context, "shop"), limits=RetrainLimits())
    with retrain_slot(context, NIGHT, Event()), retrain_slot(free, NIGHT, Event()):
        assert set(retrains(context.registry.engine, NOW).running) == {"bank", "shop"}
        with (
            pytest.raises(NotYetError, match="another retrain of this family runs"),
            retrain_slot(free, NIGHT.model_copy(update={"date": date(2026, 3, 29)}), Event()),
        ):
            pytest.fail("a family retrains once at a time")
