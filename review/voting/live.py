"""How the votes on a version stand, and who may know it: whoever decides, never whoever votes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from statistics import fmean, median

from fastapi import HTTPException
from pydantic import BaseModel

from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.ballot_files import chances_of, draws_of
from evaluation.preference.ballots.ballot_statistics import choices, consensus
from evaluation.preference.ballots.preference_estimate import PreferenceEstimate, combined
from evaluation.preference.ballots.preference_evidence import VotesNeeded, votes_needed
from evaluation.preference.ballots.registry_ballots import PeoplesVotes, votes_on_sheet
from monitoring.asked_items import items_asked
from project.canonical import digest_file
from project.errors import IncumbentError
from project.records.ballots import Ballot, SheetPart
from project.records.data import counted
from project.records.record import Digest, Record
from project.settings import load
from registry.ballots.casting import comment_text
from registry.ballots.open_votes import open_of
from registry.ballots.sheets import asked_about, gone, is_submitter
from registry.ballots.standing import StandingBallot, VoteQuestion, Votes, read_votes
from registry.decision_checks import plain
from registry.reader import RegistryReader
from registry.roles import EVERYBODY
from registry.store import Registry
from review.frame.form_fields import known_version
from review.site import Person, Site

# --- reviewers ------------------------------------------------------------------------------------

# Who voted, how fast, and how steadily.


class Reviewer(Record):
    """One person's work on a sheet."""

    name: str
    asked: int | None  # on how many items; None: on any number, or not any more
    votes: int  # first ballots on items
    repeats: int  # items that were asked a second time
    median_seconds: float | None
    self_agreement: float | None  # the share of repeated items with the same choice
    left_share: float | None  # how often the left one was chosen, of all that chose one


def reviewers(votes: Votes, asked: VoteQuestion) -> tuple[Reviewer, ...]:
    """Who voted and who is asked by name, in order; two spellings are one person."""
    firsts: dict[str, list[StandingBallot]] = defaultdict(list)
    for ballot in votes.standing(asked.detail.sheet):
        firsts[ballot.key.reviewer].append(ballot)
    named = {plain(name): (name, most) for name, most in (asked.detail.reviewers or {}).items()}
    steady = same_again(votes, asked.detail.sheet)
    return tuple(
        reviewer(named.get(name), firsts.get(name, []), steady.get(name, []))
        for name in sorted(firsts.keys() | named.keys())
    )


def reviewer(
    named: tuple[str, int] | None, cast: list[StandingBallot], steady: list[bool]
) -> Reviewer:
    """`named` is somebody who is asked by name, and on how many items."""
    name, most = named or ("", None)
    chosen = [ballot.detail.choice for ballot in cast if ballot.detail.choice in ("left", "right")]
    return Reviewer(
        name=cast[0].event.actor if cast else name,
        asked=most,
        votes=len(cast),
        repeats=len(steady),
        median_seconds=median(ballot.detail.seconds for ballot in cast) if cast else None,
        self_agreement=fmean(steady) if steady else None,
        left_share=chosen.count("left") / len(chosen) if chosen else None,
    )


def self_agreement(votes: Votes, sheet: Digest) -> float | None:
    """How often all reviewers together agree with themselves."""
    together = [same for steady in same_again(votes, sheet).values() for same in steady]
    return fmean(together) if together else None


def same_again(votes: Votes, sheet: Digest) -> dict[str, list[bool]]:
    """By reviewer in plain spelling: of each repeated item, whether the answer was the same."""
    alike: dict[str, list[bool]] = defaultdict(list)
    for again in votes.standing(sheet, repeats=True):
        if before := votes.ballots.get(replace(again.key, repeat=0)):
            alike[again.key.reviewer].append(winner_or_choice(again) == winner_or_choice(before))
    return dict(alike)


def winner_or_choice(ballot: StandingBallot) -> str:
    return ballot.ballot.winner or ballot.detail.choice


# --- live -----------------------------------------------------------------------------------------

FRESH = 0.05  # the level at which votes settle it, before a decision names one


class LiveVotes(Record):
    """What people said so far of a version beside its rival."""

    part: SheetPart
    judged: bool  # a judge's word on all items is part of the estimate
    votes: int  # ballots that stand
    items: int  # on the sheet
    closed: int  # items that have all their votes
    reviewers: int
    needed: int | None  # further items that would settle it; None: not known, or none would
    estimate: float | None  # how far people prefer the challenger: ½ as much as the champion
    lower: float | None  # of its 95 % interval
    upper: float | None
    agreement: float | None  # Fleiss' kappa
    self_agreement: float | None  # the share of repeated items with the same choice
    text: str  # all of it in a sentence


def live_votes(
    registry: RegistryReader, number: int, part: SheetPart | None = None
) -> LiveVotes | None:
    """The votes on a version's newest sheet; None: nobody was asked, or the sheet is erased."""
    state = read_votes(registry, number)
    asked = state.newest(part)
    if asked is None or not registry.artifacts.blobs.exists(asked.detail.sheet):
        return None
    params, alpha = load(PreferenceParams), level(registry, number)
    key = asked.detail.sheet, alpha, params.identity, digest_of_file(params)
    return state.once(key, lambda: standing_votes(registry, state, asked, params, alpha))


def standing_votes(
    registry: RegistryReader,
    state: Votes,
    asked: VoteQuestion,
    params: PreferenceParams,
    alpha: float,
) -> LiveVotes:
    people = votes_on_sheet(registry, state, asked, params)
    words = people.preferences()
    preference = estimate(asked, people, words)
    needed = votes_needed(preference, alpha) if preference else None
    return LiveVotes(
        part=asked.detail.part,
        judged=bool(asked.detail.judged),
        votes=len(people.ballots),
        items=asked.detail.items,
        closed=sum(word is not None for word in words),
        reviewers=len({ballot.reviewer for ballot in people.ballots}),
        needed=further(asked, needed),
        estimate=preference.estimate if preference else None,
        lower=preference.lower if preference else None,
        upper=preference.upper if preference else None,
        agreement=kappa(people.ballots, asked),
        self_agreement=self_agreement(state, asked.detail.sheet),
        text=sentence(asked, state, people, needed),
    )


def digest_of_file(params: PreferenceParams) -> Digest | None:
    """The digest of the ballots beside those of the page; None: there are none, or no such file."""
    path = params.ballots if params.asks_people else None
    return digest_file(path) if path and path.exists() else None


def estimate(
    asked: VoteQuestion, people: PeoplesVotes, probabilities: Sequence[float | None]
) -> PreferenceEstimate | None:
    """People's preference; with the judge's word where the items were drawn by its doubt."""
    sheet, chances = people.sheet, chances_of(people.sheet)
    clusters = [pair.cluster or pair.item for pair in sheet]
    if chances:
        judge = [0.5 if pair.preference is None else pair.preference for pair in sheet]
        draws = draws_of(asked.detail.sheet, sheet, probabilities)
        return combined(judge, draws, chances, clusters)
    voted = [(i, word) for i, word in enumerate(probabilities) if word is not None]
    return combined([0.5] * len(sheet), voted, None, clusters)


def level(registry: RegistryReader, number: int) -> float:
    """The alpha of the look that the newest decision was made at."""
    decision = registry.decision(number)
    return decision.alpha if decision and decision.alpha else FRESH


def kappa(ballots: Sequence[Ballot], asked: VoteQuestion) -> float | None:
    rank = {asked.detail.challenger: 0, asked.detail.champion: 1}
    on_these = [ballot for ballot in ballots if rank.keys() == set(ballot.pair)]
    return consensus(choices(on_these, rank)).kappa


def further(asked: VoteQuestion, needed: VotesNeeded | None) -> int | None:
    if needed is None:
        return None
    return needed.with_judge if asked.detail.judged else needed.alone


def sentence(
    asked: VoteQuestion, state: Votes, people: PeoplesVotes, needed: VotesNeeded | None
) -> str:
    """A sentence on how many items have their votes, and how many more settle it."""
    cast = len(people.ballots)
    if not cast:
        return "No votes so far."
    if needed is None:
        votes = counted(cast, "vote")
        return f"{votes} so far: too few items have all their votes to tell more."
    return f"{needed if asked.detail.judged else needed.by_people}."


# --- comments -------------------------------------------------------------------------------------

# What reviewers wrote beside their votes on dev items.
#
# Comments on sealed items may quote them, and of those nothing but sums is shown.

SHOWN = 50


class WrittenComment(Record):
    """Untrusted text of one person."""

    reviewer: str
    item: str
    text: str


def comments_on(
    registry: RegistryReader, votes: Votes, asked: VoteQuestion
) -> Iterator[WrittenComment]:
    for ballot in reversed(list(votes.standing(asked.detail.sheet))):
        if text := comment_text(registry.artifacts, ballot.detail):
            yield WrittenComment(reviewer=ballot.event.actor, item=ballot.detail.item, text=text)


# --- votes report ---------------------------------------------------------------------------------

# How the votes on a version stand and who cast them, and who may know it.

NOBODY_ASKED = "nobody was asked to vote on this version"


class VotesReport(BaseModel):
    """How the votes on a version stand; for whoever decides also who cast them."""

    version: int
    asked_for: int  # votes an item
    live: LiveVotes
    reviewers: tuple[Reviewer, ...] | None = None  # None: not for whoever only counts them
    comments: tuple[WrittenComment, ...] | None = None  # of votes on dev items
    named: bool = False  # only those vote whom somebody asked by name
    lacking: int = 0  # votes that are needed and that nobody is asked for
    asked_prompts: int = 0  # sealed ones that somebody asked the gateway since voting opened
    left_out: bool = False  # votes on them are not counted


def may_follow(person: Person) -> bool:
    """Who decides and counts the votes: whom the roles let submit; nobody, if all may."""
    counts = person.roles.submit != EVERYBODY and person.may("submit")
    return person.decides or counts


def votes_report(site: Site, person: Person, number: int, part: SheetPart | None) -> VotesReport:
    """Raises a 403 for who only votes: who knows the count is not blind any more. Raises
    IncumbentError for a sheet that was erased. With four eyes the submitter sees the sums alone.
    """
    registry = site.registry(person.name)
    known_version(registry, number)
    if not may_follow(person):
        raise HTTPException(403, "how the votes stand is for whoever may submit or decides")
    asked, live = asked_about(registry, number, part), live_votes(registry, number, part)
    if asked is None:
        raise HTTPException(404, NOBODY_ASKED)
    if live is None:
        raise IncumbentError(gone(asked.detail.sheet))
    report = VotesReport(
        version=number,
        asked_for=asked.detail.votes,
        live=live,
        asked_prompts=len(items_asked(registry, number)) if asked.detail.part == "sealed" else 0,
        left_out=site.params.leaves_out,
    )
    with registry.engine.connect() as connection:
        submitted = is_submitter(registry, connection, number, asked)
    return with_names(registry, report, asked) if person.decides and not submitted else report


def with_names(registry: Registry, report: VotesReport, asked: VoteQuestion) -> VotesReport:
    votes = read_votes(registry, report.version)
    written = comments_on(registry, votes, asked) if asked.detail.part == "dev" else iter(())
    return report.model_copy(
        update={
            "reviewers": reviewers(votes, asked),
            "comments": tuple(islice(written, SHOWN)),
            "named": asked.detail.reviewers is not None,
            "lacking": open_of(report.version, votes, asked).lacking,
        }
    )
