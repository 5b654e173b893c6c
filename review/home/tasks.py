"""What needs a person now, the most urgent first."""

from collections.abc import Iterator, Sequence
from typing import Literal

from project.errors import IncumbentError
from project.records.data import counted
from project.records.record import Record
from project.times import readable
from registry.jobs.runs import RunState
from registry.overview.waiting_reviews import WaitingReview, outdated, waiting_reviews
from registry.reader import RegistryReader
from review.data_pages.waiting import Waiting
from review.home.last_nights import LastNight
from review.home.schedulers import SchedulerLine
from review.traffic.deployed import ChampionTraffic
from review.voting.blinding import is_voted

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
        f"`incumbent deploy {traffic.champion}` says why."
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
        detail="incumbent reevaluate V" if outdated_too else None,
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
            detail="incumbent scheduler",
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
