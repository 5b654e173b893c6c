"""What a person decides on the review page: each form is one call of the registry, or nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from project.errors import IncumbentError, InputError
from project.records.events import Event
from registry.ballots.sheets import MOST_VOTES, ask_votes
from registry.fits_base import refuse_misfit
from registry.store import Registry
from review.access.people import ThePerson
from review.challenger.earlier_champions import earlier_champions, moves_since
from review.challenger.who_votes import LONGEST, who_votes
from review.frame.address import LARGEST, VersionNumber
from review.frame.forms import Reason, given_reason
from review.frame.pages import page
from review.site import TheSite

TEMPLATES = Path(__file__).parent / "templates"

# Whom the page called the champion; 0: nobody.
Champion = Annotated[int, Form(ge=0, le=LARGEST)]
WhoVotes = Annotated[str, Form(max_length=LONGEST)]
Seen = Annotated[str, Form(pattern="^[0-9a-f]{64}$")]  # the decision that the page showed

router = APIRouter(tags=["decide"])


@router.post("/review/{number}/approve", status_code=303, response_class=HTMLResponse)
def approve(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    champion: Champion,
    decision: Seen,
    reason: Reason = "",
) -> Response:
    """Promote what the page showed over the champion that it showed; else nothing moves."""
    registry = site.registry(person.name)

    def promote() -> str:
        registry.promote(number, given_reason(reason), expected=champion, seen=decision)
        return f"/review/{number}"

    return done_or_refused(request, registry, promote, f"/review/{number}", champion)


@router.post("/review/{number}/reject", status_code=303, response_class=HTMLResponse)
def reject(
    number: VersionNumber, request: Request, site: TheSite, person: ThePerson, reason: Reason = ""
) -> Response:
    """A person's no."""
    registry = site.registry(person.name)

    def say_no() -> str:
        registry.reject(number, given_reason(reason))
        return f"/review/{number}"

    return done_or_refused(request, registry, say_no, f"/review/{number}")


@router.post("/review/{number}/votes", status_code=303, response_class=HTMLResponse)
def ask_for_votes(
    number: VersionNumber,
    request: Request,
    site: TheSite,
    person: ThePerson,
    votes: Annotated[int, Form(ge=1, le=MOST_VOTES)],
    reviewers: WhoVotes = "",
    reason: Reason = "",
) -> Response:
    """More people on each item, or other ones, or both."""
    registry = site.registry(person.name)

    def ask() -> str:
        why, named = given_reason(reason), who_votes(reviewers)
        ask_votes(registry, number, votes, why, reviewers=named)
        return f"/review/{number}"

    return done_or_refused(request, registry, ask, f"/review/{number}")


@router.get("/rollback", response_class=HTMLResponse)
def show_rollback(request: Request, site: TheSite, person: ThePerson) -> HTMLResponse:
    """From whom to whom a rollback goes."""
    registry = site.registry(person.name)
    return page(
        request,
        TEMPLATES / "rollback.html",
        champion=registry.champion(),
        before=registry.before_champion(),
        choices=earlier_champions(registry),
        why_not=None if person.may("promote") else f"{person.name} may not promote.",
    )


@router.post("/rollback", status_code=303, response_class=HTMLResponse)
def roll_back(
    request: Request,
    site: TheSite,
    person: ThePerson,
    champion: Champion,
    to: Annotated[int, Form(ge=1, le=LARGEST)],
    reason: Reason = "",
) -> Response:
    """Make an earlier champion champion again, in the place of the one that the page showed."""
    registry = site.registry(person.name)

    def go_back() -> str:
        why, target = given_reason(reason), registry.version(to)
        unchecked = None if registry.deleted(to) else refuse_misfit(target, registry.artifacts)
        registry.rollback(why, to, expected=champion)
        return f"/review/{to}{'?told=unchecked' if unchecked else ''}"

    return done_or_refused(request, registry, go_back, "/rollback", champion)


# --- one level down -----------------------------------------------------------------------------


def done_or_refused(
    request: Request,
    registry: Registry,
    act: Callable[[], str],
    back: str,
    expected: int | None = None,
) -> Response:
    """Go on to where an act leads; where it was refused, say so, and what moved meanwhile. Who may
    not decide is refused before anything of the form is read.
    """
    try:
        registry.roles.require("promote", registry.actor)
        return RedirectResponse(act(), 303)
    except IncumbentError as error:
        moved: list[Event] = [] if expected is None else moves_since(registry, expected)
        return page(
            request,
            TEMPLATES / "refused.html",
            400 if isinstance(error, InputError) else 409,
            problem=f"{error}.",
            moved=moved,
            back=back,
        )
