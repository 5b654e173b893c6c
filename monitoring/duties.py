"""What needs a person: one list of duties with their rank, for home, families and notices."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, get_args

from monitoring.night_history import KeptNight, anchor_of, verify_of
from monitoring.night_text import blind_sentence, duty, what_and_todo
from monitoring.scheduling.runs import JobRun, RunState, runs_of
from project.errors import IncumbentError
from project.records.data import counted
from project.records.drift import Action, DriftState, Night, RetrainOutcome
from project.records.record import Record
from registry.overview.waiting_reviews import WaitingReview, outdated, waiting_reviews
from registry.reader import RegistryReader

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
