"""The last nights' verdicts, and the runs that came to none."""

from sqlalchemy import Engine

from monitoring.night_history import check_job, last_word, nightly_of
from monitoring.report.night_text import VERDICTS, done, duty, reading_text, strongest
from project.records.drift import DriftState, DriftVerdict
from project.records.record import Record
from registry.jobs.runs import Run, RunState, runs_of

SHOWN = 14
PRESSING = (DriftState.CONFIRMED, DriftState.ACT)  # drift that has lasted


class LastNight(Record):
    """One night, as far as it came."""

    date: str
    run: RunState | None  # None: its check alone is on record
    problem: str | None  # why its newest attempt made nothing
    verdict: DriftVerdict | None  # None: it has come to none
    state: DriftState | None
    evidence: str | None  # the strongest signal, in words
    done: str | None
    duty: str | None  # what a person must do

    @property
    def verdict_text(self) -> str:
        return VERDICTS[self.verdict] if self.verdict else "no verdict"

    @property
    def confirmed(self) -> bool:
        """Whether drift has lasted for long enough to do something about it."""
        return self.state in PRESSING


def last_nights(engine: Engine, family: str, limit: int = SHOWN) -> tuple[LastNight, ...]:
    """The newest first. Raises IncumbentError when the database cannot be read."""
    checks = {run.date: run for run in runs_of(engine, check_job(family), limit)}
    ends = {run.date: run for run in runs_of(engine, nightly_of(family), limit)}
    days = sorted(checks.keys() | ends.keys(), reverse=True)[:limit]
    return tuple(line(str(day), checks.get(day), ends.get(day)) for day in days)


def line(day: str, check: Run | None, end: Run | None) -> LastNight:
    night = last_word(check, end)
    signals = strongest(night.readings) if night else []
    stopped = end is not None and end.state is not RunState.FINISHED
    return LastNight(
        date=day,
        run=end.state if end else None,
        problem=end.problem if end and stopped else None,
        verdict=night.verdict if night else None,
        state=night.state if night else None,
        evidence=reading_text(signals[0]) if signals else None,
        done=done(night) if night else None,
        duty=duty(night) if night else None,
    )
