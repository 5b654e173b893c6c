"""The nights so far, as the registry keeps them.

A night is kept twice: its check, as soon as the verdict is there, and its end, with what a retrain
came to. So a retrain that was interrupted goes on from the verdict that it follows from, even when
the challenger is the champion already.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine

from monitoring.scheduling import runs
from monitoring.scheduling.runs import Claim, JobRun, RunState
from project.records.drift import Action, DriftVerdict, Night, RetrainOutcome
from registry.reader import RegistryReader
from registry.storage.database import writing

REMEMBERED = 400  # nights


def nightly_of(family: str) -> str:
    """The name of the nightly job: a registry may serve several families."""
    return f"nightly {family}"


def anchor_of(family: str) -> str:
    """The name of the job that anchors the chain."""
    return f"anchor {family}"


def verify_of(family: str) -> str:
    """The name of the job that verifies the registry."""
    return f"verify {family}"


def check_job(family: str) -> str:
    return f"check {family}"


def check_of(engine: Engine, family: str, day: date) -> Night | None:
    """The verdict that a night has come to already."""
    run = runs.run_on(engine, check_job(family), day)
    return night_of(run) if run else None


def end_of(engine: Engine, night: Night) -> Night | None:
    """What a night whose check this is came to, also where its run was opened again since."""
    run = runs.run_on(engine, nightly_of(night.family), date.fromisoformat(night.date))
    end = Night.model_validate_json(run.record) if run and run.record else None
    return end if end and (end.traffic, end.rows) == (night.traffic, night.rows) else None


def keep_check(engine: Engine, claim: Claim, night: Night, now: datetime) -> None:
    """Keep a night's verdict in place of the earlier one. Raises LostLeaseError."""
    job = check_job(night.family)
    with writing(engine) as connection:
        runs.guard(connection, claim)
        record = night.canonical().decode()
        runs.keep_done(connection, job, claim.date, claim.holder, now, record)


def nights_before(engine: Engine, family: str, day: date) -> tuple[Night, ...]:
    """Every night before a day that has a verdict, oldest first, with its end if it has one."""
    ends = {run.date: run for run in runs.runs_of(engine, nightly_of(family), REMEMBERED)}
    return tuple(
        ended(night, ends.get(run.date))
        for run in reversed(runs.runs_of(engine, check_job(family), REMEMBERED))
        if run.date < day and (night := night_of(run))
    )


def made_a_test(night: Night) -> bool:
    """Whether a night spent some of the false-alarm budget: something was compared."""
    return any(reading.verdict is not DriftVerdict.INSUFFICIENT for reading in night.readings)


def judged_after(registry: RegistryReader, day: date) -> bool:
    """Whether a later night has compared something already: then a night of this day is late.

    Nights of days that are yet to come are those of a clock that was wrong, and do not count.
    """
    known = runs.runs_of(registry.engine, check_job(registry.family), REMEMBERED)
    later = (run for run in known if day < run.date < registry.clock().date())
    return any((night := night_of(run)) and made_a_test(night) for run in later)


REACH = timedelta(days=28)  # as far as the longest window, and late corrections, go back


def unjudged_nights(engine: Engine, family: str, today: date) -> dict[date, Night]:
    """The nights of four weeks that compared nothing and may be judged again, oldest first."""
    kept = nights_between(engine, family, today - REACH, today - timedelta(days=1))
    over = (n for n in reversed(kept) if n.end and n.end.state is RunState.FINISHED)
    nights = {n.day: night_of(n.check) for n in over if n.check}
    return {day: night for day, night in nights.items() if night and waits_for_rows(night)}


def waits_for_rows(night: Night) -> bool:
    """Whether a night has compared nothing, and could where it had more rows."""
    return not (
        made_a_test(night) or (night.traffic and not night.reference and not night.set_aside)
    )


class KeptNight(NamedTuple):
    """What is kept of one night, as far as it came."""

    day: date
    check: JobRun | None
    end: JobRun | None

    @property
    def verdict(self) -> Night | None:
        """The night with its end, if it has one; None where it has come to no verdict."""
        night = night_of(self.check) if self.check else None
        if night is not None:
            return ended(night, self.end)
        return night_of(self.end) if self.end else None


def last_nights(engine: Engine, family: str, limit: int) -> list[KeptNight]:
    """Those with the newest checks or ends, `limit` of each, the newest night first."""
    return kept_nights(*(runs.runs_of(engine, job, limit) for job in jobs_of(family)))


def nights_between(engine: Engine, family: str, first: date, last: date) -> list[KeptNight]:
    """The newest first; both days are in."""
    return kept_nights(*(runs.runs_between(engine, job, first, last) for job in jobs_of(family)))


def jobs_of(family: str) -> tuple[str, str]:
    return check_job(family), nightly_of(family)


def kept_nights(checks: Iterable[JobRun], ends: Iterable[JobRun]) -> list[KeptNight]:
    check_on, end_on = ({run.date: run for run in group} for group in (checks, ends))
    days = sorted(check_on.keys() | end_on.keys(), reverse=True)
    return [KeptNight(day, check_on.get(day), end_on.get(day)) for day in days]


def ended(night: Night, end: JobRun | None) -> Night:
    if end is None:
        return night
    if end.state is RunState.FAILED and night.action is Action.RETRAIN:
        return failed_retrain(night, end.problem)
    return night_of(end) or night


def failed_retrain(night: Night, problem: str | None) -> Night:
    why = (f"the retrain failed: {problem.splitlines()[0]}",) if problem else ()
    reasons = (*night.reasons, *why)
    return night.model_copy(update={"outcome": RetrainOutcome.FAILED, "reasons": reasons})


def night_of(run: JobRun) -> Night | None:
    """What a finished run made; None for one that is not at its end."""
    if run.state is not RunState.FINISHED or run.record is None:
        return None
    return Night.model_validate_json(run.record)


def in_flight(engine: Engine, family: str, day: date) -> str | None:
    """Another night whose retrain is not at its end; None when there is none."""
    for other in sorted(runs.begun(engine, nightly_of(family)) - {day}):
        check = check_of(engine, family, other)
        if check and check.action is Action.RETRAIN:
            return f"that of {other}"
    return None
