"""How all families of a registry stand, those first that need a person."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from monitoring.night_history import anchor_of, check_job, last_word, nightly_of, verify_of
from monitoring.report.night_text import duty
from monitoring.scheduling.heartbeats import Heartbeat, living
from monitoring.scheduling.retrain_slots import Retrains, retrains
from monitoring.scheduling.runs import Run, RunState, runs_of
from project.errors import IncumbentError
from project.records.data import counted
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from project.records.record import Record
from registry.overview.waiting_reviews import WaitingReview, outdated, waiting_reviews
from registry.reader import RegistryReader

REVIEWS = 3  # versions of a family that are looked at: which of them can still be promoted
WORDS = {"nightly": "the night", "verify": "the verification", "anchor": "the anchor"}
PRESSING = (DriftState.CONFIRMED, DriftState.ACT)  # drift that has lasted

NeedKind = Literal["failed", "drift", "review", "failing"]
URGENCY: tuple[NeedKind, ...] = ("failed", "drift", "review", "failing")


class Need(Record):
    """What a person has to look at."""

    kind: NeedKind
    text: str
    detail: str | None = None  # in words that may quote what the family's users or rows say


class FamilyLine(Record):
    """One family. Times are RFC 3339, UTC."""

    family: str
    champion: int | None
    since: str | None  # when it became champion
    night: str | None  # the date of the last one
    verdict: DriftVerdict | None
    state: DriftState | None
    retrain: Literal["running", "waiting"] | None
    retrain_since: str | None
    used: int  # retrains that began within 7 days
    quota: int | None  # None: no scheduler for many projects keeps it to one
    needs: tuple[Need, ...]  # the most urgent first

    @property
    def urgency(self) -> int:
        """Less is more urgent."""
        return URGENCY.index(self.needs[0].kind) if self.needs else len(URGENCY)

    def without_details(self) -> "FamilyLine":
        """As those may see it who have nothing to do with the family."""
        needs = tuple(need.model_copy(update={"detail": None}) for need in self.needs)
        return self.model_copy(update={"needs": needs})


class Overview(Record):
    """All families of a registry."""

    families: tuple[FamilyLine, ...]
    at_once: int | None  # retrains of all of them, as the schedulers have it
    schedulers: tuple[Heartbeat, ...]


def family_overview(reader: RegistryReader, now: datetime) -> Overview:
    """Raises IncumbentError where the database cannot be read or a record was changed."""
    known, beats = retrains(reader.engine, now), living(reader.engine)
    fresh = [one for one in reversed(beats) if one.is_fresh(now)]
    quotas = {family: quota for one in fresh for family, quota in (one.quotas or {}).items()}
    lines = [family_line(one, known, quotas.get(one.family)) for one in reader.families()]
    limits = [one.at_once for one in fresh if one.at_once is not None]
    return Overview(
        families=tuple(sorted(lines, key=lambda line: (line.urgency, line.family))),
        at_once=limits[-1] if limits else None,
        schedulers=beats,
    )


def family_line(reader: RegistryReader, known: Retrains, quota: int | None) -> FamilyLine:
    family, champion = reader.family, reader.champion()
    gained, _ = reader.tenure(champion.number) if champion else (None, None)
    night = last_night(reader)
    running, waiting = known.running.get(family), known.waiting.get(family)
    return FamilyLine(
        family=family,
        champion=champion.number if champion else None,
        since=gained.at if gained else None,
        night=night.date if night else None,
        verdict=night.verdict if night else None,
        state=night.state if night else None,
        retrain="running" if running else "waiting" if waiting else None,
        retrain_since=running or waiting,
        used=len(known.started.get(family, ())),
        quota=quota,
        needs=tuple(sorted(needs(reader, night), key=lambda need: URGENCY.index(need.kind))),
    )


def last_night(reader: RegistryReader) -> Night | None:
    """The newest night that came to a verdict."""
    checks = {run.date: run for run in runs_of(reader.engine, check_job(reader.family), 1)}
    ends = {run.date: run for run in runs_of(reader.engine, nightly_of(reader.family), 2)}
    days = sorted(checks.keys() | ends.keys(), reverse=True)
    nights = (last_word(checks.get(day), ends.get(day)) for day in days)
    return next((night for night in nights if night), None)


def needs(reader: RegistryReader, night: Night | None) -> Iterator[Need]:
    family = reader.family
    for job in (nightly_of(family), verify_of(family), anchor_of(family)):
        for run in runs_of(reader.engine, job, 1):
            yield from need_of(run)
    if night and is_for_a_person(night):
        why = "; ".join(night.reasons[1:]) or duty(night)
        yield Need(kind="drift", text="drift is confirmed", detail=why)
    waiting = [one for one in waiting_reviews(reader, REVIEWS).newest if promotable(reader, one)]
    if waiting:
        labels = ", ".join(f"v{one.version.number}" for one in waiting)
        several = counted(len(waiting), "winner")
        yield Need(kind="review", text=f"{several} to review: {labels}")


def is_for_a_person(night: Night) -> bool:
    """Drift that has lasted, but for one that a retrain was the answer to."""
    failed = night.outcome is RetrainOutcome.FAILED
    return night.state in PRESSING and (night.action is not Action.RETRAIN or failed)


def need_of(run: Run) -> Iterator[Need]:
    """A run that was given up, or that failed and is tried again; not one that waits its turn."""
    named = f"{WORDS[run.job.partition(' ')[0]]} of {run.date}"
    if run.state is RunState.FAILED:
        yield Need(kind="failed", text=f"{named} was given up", detail=run.problem)
    elif run.state is RunState.WAITING and run.attempts:
        yield Need(kind="failing", text=f"{named} failed, and is tried again", detail=run.problem)


def promotable(reader: RegistryReader, review: WaitingReview) -> bool:
    """Also where its decision cannot be read: a person has to see that."""
    try:
        return not outdated(reader, review)
    except IncumbentError:
        return True
