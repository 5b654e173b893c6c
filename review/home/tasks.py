"""What needs a person now, the most urgent first."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import Engine

from monitoring.night_history import check_job, last_word, nightly_of
from monitoring.report.night_text import VERDICTS, done, duty, reading_text, strongest
from project.errors import IncumbentError
from project.records.data import counted
from project.records.drift import DriftState, DriftVerdict
from project.records.events import VotesAsked
from project.records.record import Record
from project.times import readable
from registry.ballots.open_votes import OpenVotes
from registry.ballots.sheets import is_submitter, may_see_more
from registry.ballots.standing import Votes, missing, read_votes
from registry.decision_checks import plain
from registry.jobs.heartbeats import living
from registry.jobs.runs import Run, RunState, runs_of
from registry.overview.waiting_reviews import WaitingReview, outdated, waiting_reviews
from registry.reader import RegistryReader
from review.data_pages.waiting import Waiting
from review.traffic.version_traffic import ChampionTraffic
from review.voting.blinding import is_voted

# --- schedulers -----------------------------------------------------------------------------------

# Which schedulers live, and what they do next.


class SchedulerLine(Record):
    """What one scheduler said of itself last. Times are RFC 3339, UTC."""

    holder: str
    seen: str
    alive: bool
    doing: str | None
    next_job: str | None
    next_at: str | None
    refuses: str | None  # why its machine must not do a job; it does the others


def schedulers(engine: Engine, now: datetime) -> tuple[SchedulerLine, ...]:
    """Those that were seen within about a day, the one seen last first."""
    return tuple(
        SchedulerLine(
            holder=beat.holder,
            seen=beat.at,
            alive=beat.is_fresh(now),
            doing=beat.doing,
            next_job=beat.next_job,
            next_at=beat.next_at,
            refuses=beat.refuses,
        )
        for beat in living(engine)
    )


# --- last nights ----------------------------------------------------------------------------------

# The last nights' verdicts, and the runs that came to none.

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


# --- tasks ----------------------------------------------------------------------------------------

REVIEWS = 10  # that are named one by one
OUTDATED = "it won against another champion than the present one"

TaskKind = Literal[
    "undeployed", "review", "older", "votes", "dev_votes", "drift", "night", "scheduler", "data"
]


class Task(Record):
    """One thing that waits for a person, and where it is done."""

    kind: TaskKind
    text: str
    detail: str | None = None  # in somebody's own words, or what to type
    link: str
    action: str  # what the link says


def undeployed(traffic: ChampionTraffic | None) -> Iterator[Task]:
    """The champion, where gateways answer with another version, or could not deploy it."""
    if traffic is None or traffic.follows or not (traffic.deployed or traffic.failures):
        return
    label = f"v{traffic.champion}"
    now = traffic.deployed
    told = f"the traffic still goes to v{now.version}" if now else "nothing answers in its place"
    yield Task(
        kind="undeployed",
        text=f"{label} is the champion and not deployed: {told}",
        detail=why_undeployed(traffic),
        link=f"/versions/{traffic.champion}#traffic",
        action="See why",
    )


def why_undeployed(traffic: ChampionTraffic) -> str:
    """The newest failure. Without one no gateway runs, or one is loading it just now."""
    if traffic.failures:
        newest = traffic.failures[-1]
        return f"{newest.words}: {newest.reason}"
    return (
        "A gateway follows a promotion within a minute or so; if none did, "
        f"`incumbent gateway deploy {traffic.champion}` says why."
    )


def reviews(reader: RegistryReader, *, blind: bool) -> Iterator[Task]:
    """The versions that won and wait for a person: one by one those that can be promoted.

    Whoever is blind is not told why one won while people still vote on it.
    """
    waiting = waiting_reviews(reader, REVIEWS)
    found = [(review, doubt(reader, review)) for review in waiting.newest]
    for review, why in found:
        if why is None:
            number = review.version.number
            voted = blind and is_voted(reader, number)
            yield Task(
                kind="review",
                text=f"v{number} won and waits for a person",
                detail=None if voted else review.decided.reason,
                link=f"/review/{number}",
                action="Review",
            )
        elif why != OUTDATED:
            text = f"v{review.version.number} won, and its decision cannot be read"
            yield Task(kind="review", text=text, detail=why, link="/verify", action="Verify")
    passed = sum(why == OUTDATED for _, why in found)
    if others := waiting.total - len(found) + passed:
        yield older(others, outdated_too=passed > 0)


def doubt(reader: RegistryReader, review: WaitingReview) -> str | None:
    """Why a version that won cannot be promoted as things are; None: it can."""
    try:
        return OUTDATED if outdated(reader, review) else None
    except IncumbentError as error:
        return str(error)


def older(count: int, *, outdated_too: bool) -> Task:
    """What won earlier, in one line."""
    many = f"{counted(count, 'other version')} won"
    return Task(
        kind="older",
        text=f"{many}, against another champion than the present one" if outdated_too else many,
        detail="incumbent registry reevaluate V" if outdated_too else None,
        link="/versions?verdict=PROMOTE&promoted=no&rejected=no",
        action="See which",
    )


def nights(lines: Sequence[LastNight]) -> Iterator[Task]:
    """The newest night where its drift is confirmed, and those that were given up."""
    newest = lines[0] if lines else None
    if newest and newest.confirmed:
        yield Task(
            kind="drift",
            text=f"Drift is confirmed, in the night of {newest.date} too",
            detail=newest.duty,
            link=f"/nights/{newest.date}",
            action="See why",
        )
    for one in lines:
        if one.run is RunState.FAILED:
            yield Task(
                kind="night",
                text=f"The night of {one.date} failed",
                detail=one.problem,
                link=f"/nights/{one.date}",
                action="See the night",
            )


def silent(lines: Sequence[SchedulerLine]) -> Iterator[Task]:
    """The scheduler that was seen last, where none lives."""
    if lines and not any(one.alive for one in lines):
        yield Task(
            kind="scheduler",
            text=f"No scheduler has been seen since {readable(lines[0].seen)}",
            detail="incumbent drift scheduler",
            link="/nights",
            action="See the nights",
        )


def data(waiting: Waiting) -> Iterator[Task]:
    """What waits in the data, each kind in a line."""
    for count, one, several, page in data_counts(waiting):
        if count:
            text = f"{count:,} {one if count == 1 else several}"
            yield Task(kind="data", text=text, link=f"/data/{page}", action="Open")


def data_counts(waiting: Waiting) -> tuple[tuple[int, str, str, str], ...]:
    """How many wait, what one of them is called and several are, and on which data page it is."""
    return (
        (waiting.failed_checks, "check of the data failed", "checks of the data failed", "gate"),
        (waiting.waivers_ending, "waiver ends soon", "waivers end soon", "waivers"),
        (
            waiting.synthetic,
            "synthetic row to accept or refuse",
            "synthetic rows to accept or refuse",
            "queue/synthetic",
        ),
        (waiting.labels, "prompt to label", "prompts to label", "queue/label"),
        (
            waiting.corrections,
            "user's correction to accept or refuse",
            "users' corrections to accept or refuse",
            "queue/correction",
        ),
    )


# --- vote tasks -----------------------------------------------------------------------------------

# What is to be voted on: sealed items, which decide, and dev items, which are for discussion.


def sealed_votes(reader: RegistryReader, open_ones: Sequence[OpenVotes]) -> Iterator[Task]:
    """The challengers whose decision waits for votes, for the reader's actor."""
    for one in open_ones:
        if one.part == "sealed" and one.needed:
            yield sealed_task(one, is_open=is_open_to_actor(reader, one))


def sealed_task(one: OpenVotes, *, is_open: bool) -> Task:
    done = "" if is_open else "; you have voted on all that need more"
    return Task(
        kind="votes",
        text=f"v{one.version} needs {counted(one.needed, 'more vote')}",
        detail=f"{counted(one.votes, 'vote')} so far{done}",
        link=f"/vote/{one.version}" if is_open else f"/review/{one.version}",
        action="Vote" if is_open else "Open",
    )


def dev_votes(reader: RegistryReader, open_ones: Sequence[OpenVotes]) -> Iterator[Task]:
    """All dev sheets in one line: every version has one. It leads to the newest that the reader's
    actor can vote on; without any there is no line.
    """
    there = [one for one in open_ones if one.part == "dev" and one.needed]
    mine = next((one.version for one in there if is_open_to_actor(reader, one)), None)
    if mine is not None:
        yield Task(
            kind="dev_votes",
            text=f"Dev answers of {counted(len(there), 'challenger')} can be voted on",
            detail="for discussion: these votes decide nothing",
            link=f"/vote/{mine}",
            action="Vote",
        )


def is_open_to_actor(reader: RegistryReader, one: OpenVotes) -> bool:
    """Whether the reader's actor is asked to vote, and has not voted yet on some item that needs
    more votes.
    """
    votes, actor = read_votes(reader, one.version), plain(reader.actor)
    asked = votes.sheet(one.part)
    with reader.engine.connect() as connection:
        if is_submitter(reader, connection, one.version, asked):
            return False
    return may_see_more(votes, asked, actor) and lacks_mine(votes, asked.detail, actor)


def lacks_mine(votes: Votes, asked: VotesAsked, actor: str) -> bool:
    """Whether some item needs more votes and has none of this person's."""
    cast = [ballots for (sheet, _), ballots in votes.items.items() if sheet == asked.sheet]
    if len(cast) < asked.items:
        return True
    return any(
        missing([ballot.ballot for ballot in ballots], asked.votes)
        and all(ballot.key.reviewer != actor for ballot in ballots)
        for ballots in cast
    )
