"""The voting page for programs, as JSON."""

from collections.abc import Iterator
from itertools import islice

from fastapi import HTTPException
from pydantic import BaseModel

from monitoring.asked_items import items_asked
from project.errors import IncumbentError, InputError
from project.records.ballots import SheetPart
from project.records.data import EvidencePassage
from project.records.record import Record
from registry.ballots.casting import comment_text
from registry.ballots.open_votes import open_of, votes_lacking
from registry.ballots.sheets import asked_about, gone, is_submitter
from registry.ballots.standing import VoteQuestion, Votes, read_votes
from registry.reader import RegistryReader
from registry.roles import EVERYBODY
from registry.store import Registry
from review.access.users_file import Person
from review.site import Site
from review.voting.live import LiveVotes, Reviewer, live_votes, reviewers
from review.voting.voting_view import VotingView

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


# --- next item ------------------------------------------------------------------------------------


class ShownItem(BaseModel):
    """A prompt and two answers, blind. A vote on it names `shown`."""

    shown: int
    prompt: str
    left: str
    right: str
    evidence: tuple[EvidencePassage, ...] = ()  # what an answer may stand on, the first as [1]


class NextItem(BaseModel):
    """What a person is to vote on next; no item: all is done."""

    part: SheetPart
    item: ShownItem | None
    done: int
    left: int
    undo: int | None  # this person's last ballot, where it can be taken back


class BallotTaken(BaseModel):
    """The number of a ballot's event."""

    ballot: int


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


def next_item(view: VotingView) -> NextItem:
    pair, shown = view.pair, view.shown
    item = (
        ShownItem(
            shown=shown,
            prompt=pair.prompt,
            left=pair.left_text,
            right=pair.right_text,
            evidence=pair.evidence or (),
        )
        if pair and shown
        else None
    )
    return NextItem(
        part=view.part,
        item=item,
        done=view.progress.done,
        left=view.progress.left,
        undo=view.undo,
    )


# --- votes report ---------------------------------------------------------------------------------

# How the votes on a version stand and who cast them, and who may know it.

NOBODY_ASKED = "nobody was asked to vote on this version"


def may_follow(person: Person) -> bool:
    """Who decides and counts the votes: whom the roles let submit; nobody, if all may."""
    counts = person.roles.submit != EVERYBODY and person.may("submit")
    return person.decides or counts


def votes_report(site: Site, person: Person, number: int, part: SheetPart | None) -> VotesReport:
    """Raises a 403 for who only votes: who knows the count is not blind any more. Raises
    IncumbentError for a sheet that was erased. With four eyes the submitter sees the sums alone.
    """
    registry = site.registry(person.name)
    refuse_unknown_version(registry, number)
    if not may_follow(person):
        raise HTTPException(403, "how the votes stand is for whoever may submit or decides")
    asked, live = asked_about(registry, number, part), live_votes(registry, number, part)
    if asked is None:
        raise HTTPException(404, NOBODY_ASKED)
    if live is None:
        raise IncumbentError(gone(asked.detail.sheet))
    found = VotesReport(
        version=number,
        asked_for=asked.detail.votes,
        live=live,
        asked_prompts=len(items_asked(registry, number)) if asked.detail.part == "sealed" else 0,
        left_out=site.params.leaves_out,
    )
    with registry.engine.connect() as connection:
        own = is_submitter(registry, connection, number, asked)
    return with_names(registry, found, asked) if person.decides and not own else found


def with_names(registry: Registry, found: VotesReport, asked: VoteQuestion) -> VotesReport:
    votes = read_votes(registry, found.version)
    written = comments_on(registry, votes, asked) if asked.detail.part == "dev" else iter(())
    return found.model_copy(
        update={
            "reviewers": reviewers(votes, asked),
            "comments": tuple(islice(written, SHOWN)),
            "named": asked.detail.reviewers is not None,
            "lacking": votes_lacking(votes, asked, open_of(found.version, votes, asked).needed),
        }
    )


def refuse_unknown_version(registry: Registry, number: int) -> None:
    try:
        registry.version(number)
    except InputError as error:
        raise HTTPException(404, str(error)) from None
