"""What needs a person: one list of duties with their rank, for home, families and notices."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Select, and_, or_, select

from monitoring.night_history import (
    KeptNight,
    anchor_of,
    last_nights,
    verify_of,
)
from monitoring.night_text import blind_sentence, duty, what_and_todo
from monitoring.scheduling.heartbeats import Heartbeat, living
from monitoring.scheduling.retrain_slots import Retrains, retrains
from monitoring.scheduling.runs import JobRun, RunState, runs_of
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.data import counted
from project.records.drift import Action, DriftState, DriftVerdict, Night, RetrainOutcome
from project.records.events import DecisionMade, Event
from project.records.evidence import Decision
from project.records.record import Record
from registry.ballots.open_votes import OpenVotes, open_votes
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.storage.tables import aliases, event_of, events, parsed, versions
from registry.tenure import CHAMPION
from registry.version_search import newest_seq, verdict_is

PRESSING = (DriftState.CONFIRMED, DriftState.ACT)  # drift that has lasted
OUTDATED = "it won against another champion than the present one"
JOBS = {"nightly": "night", "verify": "verification", "anchor": "anchor"}

# The most urgent first.
DutyKind = Literal[
    "undeployed",
    "failed",
    "drift",
    "blind",
    "review",
    "older",
    "votes",
    "scheduler",
    "failing",
    "data",
    "dev_votes",
]
RANK: tuple[DutyKind, ...] = get_args(DutyKind)

# --- waiting reviews ------------------------------------------------------------------------------

# The versions that won and wait for a person: to promote them, or to reject them.


class WaitingReview(Record):
    """A version whose newest decision says PROMOTE, and that nobody promoted or rejected since."""

    version: AdapterVersion
    decided: Event


class WaitingReviews(Record):
    """Those of the newest decisions, the newest first, and how many wait in all."""

    total: int
    newest: tuple[WaitingReview, ...]


def waiting_reviews(reader: RegistryReader, limit: int) -> WaitingReviews:
    """Two queries. Raises IncumbentError for a version or a decision that was changed.

    One that was rolled back waits only once it has won on fresh items.
    """
    with reading(reader.engine) as connection:
        won = connection.execute(winners(reader.family)).all()
        waiting = [
            row.number
            for row in won
            if row.promoted is None or not reader.fallen_on(connection, row.number)
        ]
        rows = connection.execute(decided_versions(reader.family, waiting[:limit])).all()
    reviews = [
        WaitingReview(version=parsed(AdapterVersion, row.version), decided=event_of(row))
        for row in rows
    ]
    return WaitingReviews(total=len(waiting), newest=tuple(reviews))


def outdated(reader: RegistryReader, review: WaitingReview) -> bool:
    """Whether it won against another than the present champion. Raises IncumbentError."""
    made = review.decided.told(DecisionMade)
    pins = reader.artifacts.get_record(Decision, made.decision).pins
    champion = reader.champion()
    return pins is None or pins.champion != (champion.adapter.files if champion else None)


# --- duties ---------------------------------------------------------------------------------------

# What waits for a person, whoever asks.


class Duty(Record):
    """One thing that waits for a person, and what to do about it."""

    kind: DutyKind
    text: str
    detail: str | None = None  # in words that may quote what the family's users or rows say
    command: str | None = None  # what to type; None: it is done on the page
    link: str  # on the family's own page
    action: str  # what the link says

    @property
    def rank(self) -> int:
        """Less is more urgent."""
        return RANK.index(self.kind)


def ranked(duties: Iterable[Duty]) -> tuple[Duty, ...]:
    """The most urgent first."""
    return tuple(sorted(duties, key=lambda duty: duty.rank))


def family_duties(
    reader: RegistryReader,
    nights: Sequence[KeptNight],
    reviews: int,
    hides: Callable[[int], bool],
) -> Iterator[Duty]:
    """Those that its nights, its jobs and its winners make, whoever looks. `nights` are the newest,
    newest first; so many `reviews` are named one by one, without the reason that a version won
    where `hides` says so of its number.
    """
    for kept in nights:
        if kept.end:
            yield from job_duties(kept.end, f"/nights/{kept.day}", "See the night")
    for job in (verify_of(reader.family), anchor_of(reader.family)):
        for run in runs_of(reader.engine, job, 1):
            yield from job_duties(run, "/verify", "Verify")
    night = next((night for kept in nights if (night := kept.verdict)), None)
    if night and is_for_a_person(night):
        yield Duty(
            kind="drift",
            text=f"Drift is confirmed, in the night of {night.date} too",
            detail=what_and_todo(night),
            link=f"/nights/{night.date}",
            action="See why",
        )
    if night and (told := blind_sentence(night)):
        yield Duty(
            kind="blind",
            text=told.rstrip("."),
            detail=duty(night),
            link=f"/nights/{night.date}",
            action="See the night",
        )
    yield from review_duties(reader, reviews, hides)


def job_duties(run: JobRun, link: str, action: str) -> Iterator[Duty]:
    """A run that was given up, or that failed and is tried again; not one that waits its turn."""
    label = f"The {JOBS[run.job.partition(' ')[0]]} of {run.date}"
    if run.state is RunState.FAILED:
        text = f"{label} was given up"
        yield Duty(kind="failed", text=text, detail=run.problem, link=link, action=action)
    elif run.state is RunState.WAITING and run.attempts:
        text = f"{label} failed, and is tried again"
        yield Duty(kind="failing", text=text, detail=run.problem, link=link, action=action)


def is_for_a_person(night: Night) -> bool:
    """Drift that has lasted, but for one that a retrain was the answer to."""
    failed = night.outcome is RetrainOutcome.FAILED
    return night.state in PRESSING and (night.action is not Action.RETRAIN or failed)


# --- reviews --------------------------------------------------------------------------------------


def review_duties(
    reader: RegistryReader, limit: int, hides: Callable[[int], bool]
) -> Iterator[Duty]:
    """The versions that won and wait for a person: one by one those that can be promoted."""
    waiting = waiting_reviews(reader, limit)
    doubts = [(review, doubt(reader, review)) for review in waiting.newest]
    for review, why in doubts:
        number = review.version.number
        if why is None:
            yield Duty(
                kind="review",
                text=f"v{number} won and waits for a person",
                detail=None if hides(number) else review.decided.reason,
                link=f"/review/{number}",
                action="Review",
            )
        elif why != OUTDATED:
            text = f"v{number} won, and its decision cannot be read"
            yield Duty(kind="review", text=text, detail=why, link="/verify", action="Verify")
    passed = sum(why == OUTDATED for _, why in doubts)
    if others := waiting.total - len(doubts) + passed:
        yield older(others, outdated_too=passed > 0)


def doubt(reader: RegistryReader, review: WaitingReview) -> str | None:
    """Why a version that won cannot be promoted as things are; None: it can."""
    try:
        return OUTDATED if outdated(reader, review) else None
    except IncumbentError as error:
        return str(error)


def older(count: int, *, outdated_too: bool) -> Duty:
    """What won earlier, in one line."""
    many = f"{counted(count, 'other version')} won"
    return Duty(
        kind="older",
        text=f"{many}, against another champion than the present one" if outdated_too else many,
        command="incumbent registry reevaluate V" if outdated_too else None,
        link="/versions?verdict=PROMOTE&promoted=no&rejected=no",
        action="See which",
    )


# --- votes ----------------------------------------------------------------------------------------


def vote_duty(votes: OpenVotes) -> Duty | None:
    """What a challenger's decision waits for: people's votes, or their count. None: for neither."""
    label, number = f"v{votes.version}", votes.version
    if votes.part == "sealed" and votes.needed > votes.lacking:
        return Duty(
            kind="votes",
            text=f"{label} needs {counted(votes.needed, 'more vote')}",
            detail=f"{counted(votes.votes, 'vote')} so far",
            link=f"/vote/{number}",
            action="Vote",
        )
    if votes.uncounted:
        text = f"{label} has its votes, and they wait to be counted"
        return Duty(kind="votes", text=text, link=f"/votes/{number}", action="Count them")
    return None


# --- the two queries ----------------------------------------------------------------------------


def winners(family: str) -> Select[Any]:
    """The versions of which nothing newer than a won decision is known."""
    champion = and_(
        aliases.c.family == versions.c.family,
        aliases.c.number == versions.c.number,
        aliases.c.name == CHAMPION,
    )
    promoted = newest_seq("promote")
    return (
        select(versions.c.number, promoted.label("promoted"))
        .select_from(versions)
        .outerjoin(aliases, champion)
        .where(
            versions.c.family == family,
            versions.c.deleted.is_(False),
            aliases.c.name.is_(None),
            newest_seq("reject").is_(None),
            or_(promoted.is_(None), promoted < newest_seq("decide")),
            verdict_is("PROMOTE"),
        )
        .order_by(newest_seq("decide").desc())
    )


def decided_versions(family: str, numbers: list[int]) -> Select[Any]:
    return (
        select(versions.c.record.label("version"), events)
        .select_from(versions)
        .join(events, events.c.seq == newest_seq("decide"))
        .where(versions.c.family == family, versions.c.number.in_(numbers))
        .order_by(events.c.seq.desc())
    )


# --- family overview ------------------------------------------------------------------------------

# How all families of a registry stand, those first that need a person.

REVIEWS = 3  # versions of a family that are looked at: which of them can still be promoted
NIGHTS = 2  # that are looked at: the newest may have come to no verdict yet


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
    needs: tuple[Duty, ...]  # the most urgent first

    @property
    def urgency(self) -> int:
        """Less is more urgent."""
        return self.needs[0].rank if self.needs else len(RANK)

    def without_details(self) -> "FamilyLine":
        """The line as those may see it who have nothing to do with the family."""
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
    fresh = [beat for beat in reversed(beats) if beat.is_fresh(now)]
    quotas = {family: quota for beat in fresh for family, quota in (beat.quotas or {}).items()}
    lines = [family_line(view, known, quotas.get(view.family)) for view in reader.families()]
    limits = [beat.at_once for beat in fresh if beat.at_once is not None]
    return Overview(
        families=tuple(sorted(lines, key=lambda line: (line.urgency, line.family))),
        at_once=limits[-1] if limits else None,
        schedulers=beats,
    )


def family_line(reader: RegistryReader, known: Retrains, quota: int | None) -> FamilyLine:
    family, champion = reader.family, reader.champion()
    gained, _ = reader.tenure(champion.number) if champion else (None, None)
    kept = last_nights(reader.engine, family, NIGHTS)
    night = next((night for kept_night in kept if (night := kept_night.verdict)), None)
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
        needs=family_needs(reader, kept),
    )


def family_needs(reader: RegistryReader, kept: Sequence[KeptNight]) -> tuple[Duty, ...]:
    """What needs a person in a family, whoever looks, the most urgent first; by its last nights."""
    # Why a version won may rest on votes that this family's people must not know of yet.
    duties = family_duties(reader, kept, REVIEWS, hides=lambda _: True)
    votes = (duty for open_ones in open_votes(reader) if (duty := vote_duty(open_ones)))
    return ranked((*(duty for duty in duties if duty.kind != "older"), *votes))
