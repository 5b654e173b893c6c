"""The review page of a challenger, its votes as they come in, and all of it as JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from project.errors import IncumbentError
from registry.ballots.sheets import asked_about
from registry.ballots.standing import refuse_settled
from registry.lineage import trace
from registry.roles import EVERYBODY
from registry.store import Registry
from review.access.users_file import Person, ThePerson
from review.challenger import decide_routes
from review.challenger.challenger_review import compared_with, open_items, review_of
from review.challenger.changes import FETCH, ChangedRows, Which, changed_rows
from review.challenger.decide_routes import as_typed
from review.challenger.review_record import Review
from review.frame.form_fields import VersionNumber, known_version
from review.frame.pages import page
from review.frame.paging import PageNumber
from review.site import TheSite
from review.voting.live import LiveVotes, live_votes
from review.voting.next_item import may_follow

TEMPLATES = Path(__file__).parent / "templates"
NOTICES = {
    "unchecked": "Whether its files still fit their base was not checked: the base is not on this "
    "machine.",
}

router = APIRouter(tags=["review"])
router.include_router(decide_routes.router)


@router.get("/review/{number}", response_class=HTMLResponse)
def show_review(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson, told: str = ""
) -> HTMLResponse:
    """The whole review of one version."""
    registry = site.registry(person.name)
    review = review_found(registry, number, person)
    is_champion = review.headline.champion == number
    return page(
        request,
        TEMPLATES / "review.html",
        review=review,
        number=number,
        notices=[NOTICES[told]] if told in NOTICES and is_champion else [],
        votes=votes_shown(registry, number, person),
        **live_rights(registry, number, person),
        votable=person.may("vote") and is_voted_on(registry, number),
        asking=asking(registry, number),
    )


@router.get("/review/{number}/votes", response_class=HTMLResponse)
def show_votes(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson
) -> HTMLResponse:
    """The votes so far, for the page to put in the place of what it shows."""
    registry = site.registry(person.name)
    known_version(registry, number)
    return page(
        request,
        TEMPLATES / "live_votes.html",
        number=number,
        votes=votes_shown(registry, number, person),
        **live_rights(registry, number, person),
    )


@router.get("/api/review/{number}")
def read_review(number: VersionNumber, site: TheSite, person: ThePerson) -> Review:
    """All that the review page shows, the votes aside: those are at /api/votes/{number}."""
    return review_found(site.registry(person.name), number, person)


def review_found(registry: Registry, number: int, person: Person) -> Review:
    known_version(registry, number)
    return review_of(registry, number, blind=not person.decides)


@dataclass(frozen=True)
class Asking:
    """What the form that asks for votes says before anybody typed in it."""

    votes: int  # an item, that are asked for now
    reviewers: str  # who is asked by name, a line each
    voters: tuple[str, ...]  # who may vote, where the roles name them
    open_items: int | None  # of the look that waits for votes; None: none waits


def asking(registry: Registry, number: int) -> Asking:
    asked = asked_about(registry, number)
    return Asking(
        votes=asked.detail.votes if asked else 1,
        reviewers=as_typed(asked.detail.reviewers if asked else None),
        voters=() if registry.roles.vote == EVERYBODY else registry.roles.vote,
        open_items=open_items(registry, number),
    )


def is_voted_on(registry: Registry, number: int) -> bool:
    """Whether people were asked, and their votes still tell something."""
    try:
        with registry.engine.connect() as connection:
            refuse_settled(registry, connection, number)
    except IncumbentError:
        return False
    return asked_about(registry, number) is not None


def votes_shown(registry: Registry, number: int, person: Person) -> LiveVotes | None:
    """How the votes stand, for whoever decides; who only votes must not know it."""
    return live_votes(registry, number) if person.decides else None


def live_rights(registry: Registry, number: int, person: Person) -> dict[str, bool]:
    """Whether the page shows how the votes stand, and leads to the page that tells more."""
    asked = asked_about(registry, number) is not None
    return {"shown": person.decides, "follows": asked and may_follow(person)}


# --- rows routes ----------------------------------------------------------------------------------

# The page of the rows that a version has learnt and its opponent has not, and the reverse.


Shown = Annotated[PageNumber, Query(alias="page")]
Kind = Annotated[Which, Query(description="added: only the version has learnt them; removed: not.")]


@router.get("/review/{number}/rows", response_class=HTMLResponse)
def show_rows(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    which: Kind = "added",
    shown: Shown = 1,
) -> HTMLResponse:
    """The rows that only one of the two has learnt."""
    found = rows_found(site.registry(person.name), number, which, shown)
    return page(request, TEMPLATES / "changed_rows.html", found=found, fetch=FETCH)


@router.get("/api/review/{number}/rows")
def read_rows(
    number: VersionNumber,
    site: TheSite,
    person: ThePerson,
    which: Kind = "added",
    shown: Shown = 1,
) -> ChangedRows:
    """The training rows that only one of the two has learnt, 50 on a page."""
    return rows_found(site.registry(person.name), number, which, shown)


def rows_found(registry: Registry, number: int, which: Which, shown: int) -> ChangedRows:
    version = known_version(registry, number)
    other = compared_with(registry, trace(registry, number))
    return changed_rows(registry, version, other, which, shown)
