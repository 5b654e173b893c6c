"""The first page: what needs a person, the most urgent first, and how the champion does."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine

from monitoring.duties import Duty, Overview, family_duties, family_overview, ranked, vote_duty
from monitoring.night_history import KeptNight, last_nights
from monitoring.night_text import VERDICTS, done, duty, reading_text, strongest
from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.runs import RunState
from project.canonical import readable
from project.records.data import counted
from project.records.drift import DriftState, DriftVerdict
from project.records.events import VotesAsked
from project.records.record import Record
from registry.ballots.open_votes import OpenVotes, open_votes
from registry.ballots.sheets import further_items, is_first, is_submitter
from registry.ballots.standing import Votes, missing, read_votes
from registry.decision_checks import plain
from registry.reader import RegistryReader
from registry.storage.database import reading
from registry.version_search import counts
from review.data_pages.version_traffic import (
    ChampionTraffic,
    ExperimentView,
    champion_traffic,
    running,
)
from review.data_pages.waiting import Waiting, waiting
from review.frame.pages import page
from review.quality_chart import ChampionCard, QualityHistory, champion_card, panels, quality
from review.site import Person, ThePerson, TheSite
from review.voting.blinding import is_voted
from review.voting.live import may_follow

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


def night_line(kept: KeptNight) -> LastNight:
    night, end = kept.verdict, kept.end
    signals = strongest(night.readings) if night else []
    stopped = end is not None and end.state is not RunState.FINISHED
    return LastNight(
        date=str(kept.day),
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


def undeployed(traffic: ChampionTraffic | None) -> Iterator[Duty]:
    """The champion, where gateways answer with another version, or could not deploy it."""
    if traffic is None or traffic.follows or not (traffic.deployed or traffic.failures):
        return
    label = f"v{traffic.champion}"
    now = traffic.deployed
    told = f"the traffic still goes to v{now.version}" if now else "nothing answers in its place"
    yield Duty(
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


def silent(lines: Sequence[SchedulerLine]) -> Iterator[Duty]:
    """The scheduler that was seen last, where none lives."""
    if lines and not any(line.alive for line in lines):
        yield Duty(
            kind="scheduler",
            text=f"No scheduler has been seen since {readable(lines[0].seen)}",
            command="incumbent drift scheduler",
            link="/nights",
            action="See the nights",
        )


def waiting_data(waiting: Waiting) -> Iterator[Duty]:
    """What waits in the data, each kind in a line."""
    for count, single, several, place in data_counts(waiting):
        if count:
            text = f"{count:,} {single if count == 1 else several}"
            yield Duty(kind="data", text=text, link=f"/data/{place}", action="Open")


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


def sealed_votes(
    reader: RegistryReader, open_ones: Sequence[OpenVotes], person: Person
) -> Iterator[Duty]:
    """The challengers whose decision waits for votes or for their count, as far as this person may
    do it or decides.
    """
    for votes in open_ones:
        if not (duty := vote_duty(votes)):
            continue
        if duty.action != "Vote":
            if may_follow(person):
                yield duty if person.may("submit") else counted_by(duty, person)
        elif person.may("vote"):
            why = closed_to_actor(reader, votes)
            yield for_others(duty, votes, why) if why else duty


def counted_by(duty: Duty, person: Person) -> Duty:
    names = person.roles.names("submit")
    words = {"detail": f"Whoever may submit counts them: {names}", "action": "See them"}
    return duty.model_copy(update=words)


def for_others(duty: Duty, votes: OpenVotes, why: str) -> Duty:
    words = {"detail": f"{duty.detail}; {why}", "action": "Open"}
    return duty.model_copy(update={**words, "link": f"/review/{votes.version}"})


def dev_votes(reader: RegistryReader, open_ones: Sequence[OpenVotes]) -> Iterator[Duty]:
    """All dev sheets in one line: every version has one. It leads to the newest that the reader's
    actor can vote on; without any there is no line.
    """
    there = [votes for votes in open_ones if votes.part == "dev" and votes.needed]
    mine = next((votes.version for votes in there if not closed_to_actor(reader, votes)), None)
    if mine is not None:
        yield Duty(
            kind="dev_votes",
            text=f"Dev answers of {counted(len(there), 'challenger')} can be voted on",
            detail="for discussion: these votes decide nothing",
            link=f"/vote/{mine}",
            action="Vote",
        )


def closed_to_actor(reader: RegistryReader, open_votes: OpenVotes) -> str | None:
    """Why none of the votes that lack is asked of the reader's actor; None: some is."""
    votes, actor = read_votes(reader, open_votes.version), plain(reader.actor)
    asked = votes.sheet(open_votes.part)
    with reader.engine.connect() as connection:
        if is_submitter(reader, connection, open_votes.version, asked):
            return "other people vote, as you submitted it"
    shown = [key for key in votes.shown if is_first(key, asked, actor)]
    sheet, each = asked.detail.sheet, asked.detail.votes
    on_screen = any(
        key not in votes.ballots and missing(votes.on_item(sheet, key.item), each) for key in shown
    )
    if further_items(votes, asked, actor) == 0 and not on_screen:
        return "you have voted on all that you were asked" if shown else "other people are asked"
    if not lacks_mine(votes, asked.detail, actor):
        return "you have voted on all that need more"
    return None


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


# --- home page ------------------------------------------------------------------------------------

# All that the home page says, gathered in a few queries.


class HomePage(Record):
    """Where the project stands, and what needs a person."""

    family: str
    families: int  # in the registry, with this one
    versions: int  # with the deleted ones
    deleted: int
    tasks: tuple[Duty, ...]  # of whoever looks, the most urgent first
    champion: ChampionCard | None  # None: there was none yet
    traffic: ChampionTraffic | None  # None: no champion, or no gateway ever told of one
    experiment: ExperimentView | None  # the one that runs
    quality: QualityHistory
    nights: tuple[LastNight, ...]  # the newest first
    schedulers: tuple[SchedulerLine, ...]


def home_page(reader: RegistryReader, now: datetime, person: Person) -> HomePage:
    """The page as one person sees it. Raises IncumbentError for a record that was changed."""
    kept = last_nights(reader.engine, reader.family, SHOWN)[:SHOWN]
    beats = schedulers(reader.engine, now)
    with reading(reader.engine) as connection:
        number, deleted = counts(connection, reader.family)
    champion = champion_card(reader)
    traffic = champion_traffic(reader, champion.version) if champion else None
    return HomePage(
        family=reader.family,
        families=len(reader.families()) or 1,
        versions=number,
        deleted=deleted,
        tasks=ranked(tasks_of(reader, now, person, traffic, kept, beats)),
        champion=champion,
        traffic=traffic,
        experiment=running(reader),
        quality=quality(reader),
        nights=tuple(map(night_line, kept)),
        schedulers=beats,
    )


def tasks_of(
    reader: RegistryReader,
    now: datetime,
    person: Person,
    traffic: ChampionTraffic | None,
    kept: Sequence[KeptNight],
    beats: Sequence[SchedulerLine],
) -> Iterator[Duty]:
    """What waits: votes and data for those alone who may do it."""

    def hides(number: int) -> bool:
        """Whoever is blind is not told why a version won while people still vote on it."""
        return not person.decides and is_voted(reader, number)

    asked = open_votes(reader)
    yield from undeployed(traffic)
    yield from family_duties(reader, kept, REVIEWS, hides)
    yield from sealed_votes(reader, asked, person)
    yield from silent(beats)
    if person.may("promote"):
        yield from waiting_data(waiting(now.date()))
    if person.may("vote"):
        yield from dev_votes(reader, asked)


# --- home routes ----------------------------------------------------------------------------------

# The home page, and the same as JSON.


router = APIRouter(tags=["home"])


@router.get("/", response_class=HTMLResponse)
def show_home(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """Where the project stands."""
    shown = read_home(site, person)
    return page(request, "home.html", home=shown, panels=panels(shown.quality))


@router.get("/families", response_class=HTMLResponse)
def show_families(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """How all families of the registry stand."""
    return page(request, "families.html", overview=read_families(site, person), own=site.family)


@router.get("/api/families")
def read_families(site: TheSite, person: ThePerson) -> Overview:
    """How all families of the registry stand, those first that need a person."""
    return families_page(site.registry(person.name), site.clock(), person)


@router.get("/api/home")
def read_home(site: TheSite, person: ThePerson) -> HomePage:
    """Where the project stands: champion, what waits for you, quality over time, nights."""
    return home_page(site.registry(person.name), site.clock(), person)


# --- families page --------------------------------------------------------------------------------

# All families of the registry, for whoever looks after more than one.


def families_page(reader: RegistryReader, now: datetime, person: Person) -> Overview:
    """How they stand; words that may quote other families are for administrators alone."""
    overview = family_overview(reader, now)
    if person.may("administer"):
        return overview
    lines = (
        line if line.family == reader.family else line.without_details()
        for line in overview.families
    )
    return overview.model_copy(update={"families": tuple(lines), "schedulers": ()})
