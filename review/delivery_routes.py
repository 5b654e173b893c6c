"""The page of notices: which went out, which did not and why, and how to try again."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.outbox import NoticeState, SentNotice, depth, newest_notices, revive
from project.records.record import Record
from review.access.users_file import Person, ThePerson
from review.frame.form_fields import LARGEST
from review.frame.pages import page
from review.site import TheSite

router = APIRouter(tags=["deliveries"])

TEMPLATE = Path(__file__).parent / "templates" / "deliveries.html"
PAGE = 50  # notices

Before = Annotated[int | None, Query(ge=1, le=LARGEST, description="Notices with lower ids.")]
State = Annotated[NoticeState | None, Query(description="All of them if left out.")]
NoticeId = Annotated[int | None, Form(ge=1, le=LARGEST)]


class Deliveries(Record):
    """How many notices wait and were given up, and a page of them, the newest first."""

    waiting: int
    given_up: int
    notices: tuple[SentNotice, ...]
    older: int | None  # `before` of the next page; None: there is none


@router.get("/deliveries", response_class=HTMLResponse)
def show_deliveries(
    request: Request, site: TheSite, person: ThePerson, before: Before = None, state: State = None
) -> HTMLResponse:
    """The notices and every try to deliver them."""
    found = read_deliveries(site, person, before, state)
    return page(
        request,
        TEMPLATE,
        found=found,
        states=list(NoticeState),
        chosen=state,
        alive=bool(living(site.opened.engine)),
    )


@router.get("/api/deliveries")
def read_deliveries(
    site: TheSite, person: ThePerson, before: Before = None, state: State = None
) -> Deliveries:
    """The notices and every try to deliver them, for whoever may administer."""
    require_administer(person)
    engine = site.opened.engine
    notices = newest_notices(engine, PAGE + 1, before=before, state=state)
    waiting, given_up = depth(engine)
    return Deliveries(
        waiting=waiting,
        given_up=given_up,
        notices=notices[:PAGE],
        older=notices[PAGE - 1].id if len(notices) > PAGE else None,
    )


@router.post("/deliveries/retry")
def retry(site: TheSite, person: ThePerson, notice: NoticeId = None) -> RedirectResponse:
    """Try a notice again that was given up, or all of them; the scheduler sends it."""
    require_administer(person)
    revive(site.opened.engine, site.clock(), notice)
    return RedirectResponse("/deliveries", 303)


def require_administer(person: Person) -> None:
    """Notices tell of others' work: raises HTTPException (403) unless the person may see that."""
    if not person.may("administer"):
        raise HTTPException(403, f"{person.name} may not administer: ask somebody who may.")
