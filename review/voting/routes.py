"""The voting page, what it takes, and how the votes stand for whoever decides."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from project.errors import IncumbentError, InputError
from project.records.ballots import RESPECTS, SheetPart
from registry.ballots.casting import Vote, cast, withdraw
from registry.ballots.sheets import asked_about, gone
from registry.ballots.standing import read_votes, refuse_settled
from registry.store import Registry
from review.access.people import Person, ThePerson
from review.frame.pages import page
from review.site import Site, TheSite
from review.voting.comments import newest_comments
from review.voting.counting import count_votes, open_look
from review.voting.live import live_votes
from review.voting.next_item import BallotTaken, NextItem, VotesReport, next_item
from review.voting.reviewers import reviewers
from review.voting.vote_form import VoteForm
from review.voting.voting_view import VotingView, voting_view

TEMPLATES = FilePath(__file__).parent / "templates"
CHOICES = (
    ("left", "Left is better", "1"),
    ("right", "Right is better", "2"),
    ("tie", "Both are as good", "3"),
    ("both_bad", "Both are bad", "4"),
)
NOBODY_ASKED = "nobody was asked to vote on this version"

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Seq = Annotated[int, Form(ge=1, le=2**53)]
Part = Annotated[SheetPart | None, Query(description="Which sheet; else the sealed one if any.")]

router = APIRouter(tags=["votes"])


@router.get("/vote/{number}", response_class=HTMLResponse)
def show_item(
    number: Number,
    request: Request,
    site: TheSite,
    person: ThePerson,
    part: Part = None,
    marked: bool = False,
) -> HTMLResponse:
    """The next item for this person, which is put on record before it is shown."""
    view = next_view(site, person, number, part)
    template = "vote.html" if view.shown else "done.html"
    return page(
        request,
        TEMPLATES / template,
        number=number,
        view=view,
        part=part,
        marks=marked,
        choices=CHOICES,
        respects=RESPECTS,
    )


@router.post("/vote/{number}")
def take_vote(
    number: Number, site: TheSite, person: ThePerson, form: Annotated[VoteForm, Form()]
) -> RedirectResponse:
    """A ballot on what was shown."""
    cast(site.registry(person.name), number, form.vote())
    return back(number, form.part)


@router.post("/vote/{number}/undo")
def take_back(
    number: Number,
    site: TheSite,
    person: ThePerson,
    ballot: Seq,
    part: Annotated[SheetPart | None, Form()] = None,
) -> RedirectResponse:
    """This person's last ballot is taken back."""
    withdraw(site.registry(person.name), number, ballot)
    return back(number, part)


@router.post("/vote/{number}/count")
def count(number: Number, site: TheSite, person: ThePerson) -> RedirectResponse:
    """The votes of today make the decision anew."""
    count_votes(site.registry(person.name), number)
    return RedirectResponse(f"/review/{number}", 303)


@router.get("/votes/{number}", response_class=HTMLResponse)
def show_votes(
    number: Number, request: Request, site: TheSite, person: ThePerson, part: Part = None
) -> HTMLResponse:
    """How the votes stand and who cast them, for whoever decides."""
    report = votes_report(site, person, number, part)
    registry = site.registry(person.name)
    return page(
        request,
        TEMPLATES / "votes.html",
        number=number,
        report=report,
        countable=person.may("submit") and is_open(registry, number),
    )


@router.get("/api/vote/{number}/next")
def get_next(number: Number, site: TheSite, person: ThePerson, part: Part = None) -> NextItem:
    """The next item for this person, which is put on record before it is returned."""
    return next_item(next_view(site, person, number, part))


@router.post("/api/vote/{number}")
def post_vote(number: Number, site: TheSite, person: ThePerson, vote: Vote) -> BallotTaken:
    """A ballot on what was shown."""
    return BallotTaken(ballot=cast(site.registry(person.name), number, vote).seq)


@router.post("/api/vote/{number}/undo")
def post_undo(number: Number, site: TheSite, person: ThePerson, ballot: BallotTaken) -> BallotTaken:
    """This person's last ballot is taken back."""
    withdraw(site.registry(person.name), number, ballot.ballot)
    return ballot


@router.get("/api/votes/{number}")
def get_votes(number: Number, site: TheSite, person: ThePerson, part: Part = None) -> VotesReport:
    """How the votes stand and who cast them, for whoever decides."""
    return votes_report(site, person, number, part)


# --- one level down ------------------------------------------------------------------------------


def back(number: int, part: SheetPart | None) -> RedirectResponse:
    return RedirectResponse(f"/vote/{number}" + (f"?part={part}" if part else ""), 303)


def known(registry: Registry, number: int) -> None:
    """Raise a 404 for a number that no version has."""
    try:
        registry.version(number)
    except InputError as error:
        raise HTTPException(404, str(error)) from None


def next_view(site: Site, person: Person, number: int, part: SheetPart | None) -> VotingView:
    """Raises a 403 for who may not vote, a 404 where nobody was asked, IncumbentError where voting
    has ended.
    """
    registry = site.registry(person.name)
    known(registry, number)
    if not person.may("vote"):
        raise HTTPException(403, f"{person.name} may not vote, and so sees no answers here")
    with registry.engine.connect() as connection:
        refuse_settled(registry, connection, number)
    view = voting_view(registry, number, site.params.repeats, part)
    if view is None:
        raise HTTPException(404, NOBODY_ASKED)
    return view


def votes_report(site: Site, person: Person, number: int, part: SheetPart | None) -> VotesReport:
    """Raises a 403 for who only votes: who knows the count is not blind any more. Raises
    IncumbentError for a sheet that was erased.
    """
    registry = site.registry(person.name)
    known(registry, number)
    if not (person.may("promote") or person.may("administer")):
        raise HTTPException(403, "how the votes stand is for whoever may promote or administer")
    asked, live = asked_about(registry, number, part), live_votes(registry, number, part)
    if asked is None:
        raise HTTPException(404, NOBODY_ASKED)
    if live is None:
        raise IncumbentError(gone(asked.detail.sheet))
    votes = read_votes(registry, number)
    return VotesReport(
        version=number,
        asked_for=asked.detail.votes,
        live=live,
        reviewers=reviewers(votes, asked.detail.sheet),
        comments=newest_comments(registry, votes, asked),
    )


def is_open(registry: Registry, number: int) -> bool:
    """Whether votes on it can be counted into a decision."""
    try:
        open_look(registry, number)
    except IncumbentError:
        return False
    return True
