"""The voting page, what it takes, and how the votes stand for whoever decides."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from project.errors import IncumbentError, InputError
from project.records.ballots import RESPECTS, Choice, Rating, Rubric, SheetPart
from project.records.data import EvidencePassage
from registry.ballots.casting import LONGEST_COMMENT, Vote, cast, withdraw
from registry.ballots.standing import refuse_settled
from registry.store import Registry
from review.frame.form_fields import VersionNumber, known_version
from review.frame.pages import page
from review.site import Person, Site, ThePerson, TheSite
from review.voting.blinding import count_votes, open_look
from review.voting.live import (
    NOBODY_ASKED,
    VotesReport,
    may_follow,
    votes_report,
)
from review.voting.voting_view import VotingView, voting_view

# --- vote form ------------------------------------------------------------------------------------

# What a browser sends when somebody votes, and the vote that it is.

Stars = Literal["", "1", "2", "3", "4", "5"]


class TypedForm(BaseModel):
    """What was typed beside a vote. The browser sends a comment's line ends as two characters."""

    shown: int = Field(ge=1, le=2**53)
    comment: str = Field(default="", max_length=2 * LONGEST_COMMENT)
    part: SheetPart | None = None
    marked: bool = False  # whether what differs is marked
    helpful_left: Stars = ""
    helpful_right: Stars = ""
    polite_left: Stars = ""
    polite_right: Stars = ""
    correct_left: Stars = ""
    correct_right: Stars = ""

    @property
    def is_filled(self) -> bool:
        """Whether something was typed or rated."""
        return bool(self.comment) or any(
            getattr(self, f"{respect}_{side}") for respect in RESPECTS for side in ("left", "right")
        )


class MarksForm(TypedForm):
    """What is sent to have what differs marked, or marked no more: no vote."""

    mark: bool


class VoteForm(TypedForm):
    """What is sent as a vote."""

    choice: Choice

    def vote(self) -> Vote:
        """Raises InputError for a comment that is too long, and for half a rating."""
        comment = self.comment.replace("\r\n", "\n").strip()
        if len(comment) > LONGEST_COMMENT:
            raise InputError(f"a comment has at most {LONGEST_COMMENT:,} characters")
        return Vote(
            shown=self.shown, choice=self.choice, rubric=self.rubric(), comment=comment or None
        )

    def rubric(self) -> Rubric | None:
        ratings: Rubric = {}
        for respect in RESPECTS:
            left, right = getattr(self, f"{respect}_left"), getattr(self, f"{respect}_right")
            if bool(left) != bool(right):
                raise InputError(f"rate how {respect} both answers are, or neither")
            if left:
                ratings[respect] = Rating(left=int(left), right=int(right))
        return ratings or None


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


# --- routes ---------------------------------------------------------------------------------------

# The share of items that a person is asked twice: of 100 items five say how steady a reviewer is.
REPEATS = 0.05
CHOICES = (
    ("left", "Left is better", "1"),
    ("right", "Right is better", "2"),
    ("tie", "Both are equally good", "3"),
    ("both_bad", "Both are bad", "4"),
)

Seq = Annotated[int, Form(ge=1, le=2**53)]
Part = Annotated[SheetPart | None, Query(description="Which sheet; else the sealed one if any.")]

router = APIRouter(tags=["votes"])


@router.get("/vote/{number}", response_class=HTMLResponse)
def show_item(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    part: Part = None,
    marked: bool = False,
) -> HTMLResponse:
    """The next item for this person, which is put on record before it is shown."""
    view = next_view(site, person, number, part)
    return item_page(request, person, number, view, part=part, marks=marked)


@router.post("/vote/{number}")
def take_vote(
    number: VersionNumber, site: TheSite, person: ThePerson, form: Annotated[VoteForm, Form()]
) -> RedirectResponse:
    """A ballot on what was shown."""
    cast(site.registry(person.name), number, form.vote())
    return back(number, form.part, form.marked)


@router.post("/vote/{number}/marks", response_class=HTMLResponse)
def mark_differences(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    form: Annotated[MarksForm, Form()],
) -> HTMLResponse:
    """The same item with what differs marked, or not. Nothing that was typed is lost."""
    view = next_view(site, person, number, form.part)
    return item_page(request, person, number, view, part=form.part, marks=form.mark, typed=form)


@router.post("/vote/{number}/undo")
def take_back(
    number: VersionNumber,
    site: TheSite,
    person: ThePerson,
    ballot: Seq,
    part: Annotated[SheetPart | None, Form()] = None,
    marked: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """This person's last ballot is taken back."""
    withdraw(site.registry(person.name), number, ballot)
    return back(number, part, marked)


@router.post("/vote/{number}/count")
def count(number: VersionNumber, site: TheSite, person: ThePerson) -> RedirectResponse:
    """The votes of today make the decision anew."""
    count_votes(site.registry(person.name), number)
    return RedirectResponse(f"/review/{number}", 303)


@router.get("/votes/{number}", response_class=HTMLResponse)
def show_votes(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson, part: Part = None
) -> HTMLResponse:
    """How the votes stand, and who cast them for whoever decides."""
    report = votes_report(site, person, number, part)
    waits = is_open(site.registry(person.name), number)
    return page(
        request,
        "votes.html",
        number=number,
        report=report,
        countable=waits and person.may("submit"),
        counters=person.roles.names("submit") if waits else None,
    )


@router.get("/api/vote/{number}/next")
def read_next(
    number: VersionNumber, site: TheSite, person: ThePerson, part: Part = None
) -> NextItem:
    """The next item for this person, which is put on record before it is returned."""
    return next_item(next_view(site, person, number, part))


@router.post("/api/vote/{number}")
def post_vote(number: VersionNumber, site: TheSite, person: ThePerson, vote: Vote) -> BallotTaken:
    """A ballot on what was shown."""
    return BallotTaken(ballot=cast(site.registry(person.name), number, vote).seq)


@router.post("/api/vote/{number}/undo")
def post_undo(
    number: VersionNumber, site: TheSite, person: ThePerson, ballot: BallotTaken
) -> BallotTaken:
    """This person's last ballot is taken back."""
    withdraw(site.registry(person.name), number, ballot.ballot)
    return ballot


@router.get("/api/votes/{number}")
def read_votes_report(
    number: VersionNumber, site: TheSite, person: ThePerson, part: Part = None
) -> VotesReport:
    """How the votes stand, and who cast them for whoever decides."""
    return votes_report(site, person, number, part)


# --- the page of one item ------------------------------------------------------------------------


def item_page(
    request: Request,
    person: Person,
    number: int,
    view: VotingView,
    *,
    part: SheetPart | None,
    marks: bool,
    typed: TypedForm | None = None,
) -> HTMLResponse:
    """One item to vote on; `typed` is what is in the form already, if it is about this item."""
    return page(
        request,
        "vote.html" if view.shown else "done.html",
        number=number,
        view=view,
        part=part,
        marks=marks,
        typed=typed if typed and typed.shown == view.shown else None,
        follows=may_follow(person),
        choices=CHOICES,
        respects=RESPECTS,
    )


def back(number: int, part: SheetPart | None, marked: bool) -> RedirectResponse:
    """A redirection to the next item, marked as the one before it was."""
    asked = {"part": part, "marked": 1 if marked else None}
    query = urlencode({name: value for name, value in asked.items() if value})
    return RedirectResponse(f"/vote/{number}" + (f"?{query}" if query else ""), 303)


def next_view(site: Site, person: Person, number: int, part: SheetPart | None) -> VotingView:
    """Raises a 403 for who may not vote, a 404 where nobody was asked, IncumbentError where voting
    has ended.
    """
    registry = site.registry(person.name)
    known_version(registry, number)
    if not person.may("vote"):
        raise HTTPException(403, f"{person.name} may not vote, and so sees no answers here")
    with registry.engine.connect() as connection:
        refuse_settled(registry, connection, number)
    view = voting_view(registry, number, REPEATS, part)
    if view is None:
        raise HTTPException(404, NOBODY_ASKED)
    return view


def is_open(registry: Registry, number: int) -> bool:
    """Whether votes on it can be counted into a decision."""
    try:
        open_look(registry, number)
    except IncumbentError:
        return False
    return True
