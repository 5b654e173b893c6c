"""What the forms of the data pages do: each takes the way that the command line takes."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from curation.checks.waivers import Excuse, excuse
from curation.eval_sets import changing
from project.errors import InputError
from review.access.users_file import ThePerson
from review.data_pages.accepting import accept_task, refuse_task, require
from review.data_pages.regressed import correct
from review.data_pages.waiting import Kind
from review.frame.form_fields import Reason
from review.site import TheSite

router = APIRouter(tags=["data"])
LONGEST_TEXT = 200_000  # characters that a person writes

Written = Annotated[str, Form(max_length=LONGEST_TEXT)]
Short = Annotated[str, Form(max_length=2_000)]


@router.post("/data/queue/{kind}/accept", response_class=RedirectResponse)
def accept(
    site: TheSite,
    person: ThePerson,
    kind: Kind,
    key: Short,
    reason: Reason,
    answer: Written = "",
) -> RedirectResponse:
    """Accept an answer: the next run trains on some of it, and is judged by the rest."""
    require(person)
    accept_task(site.registry(person.name), key, answer, reason)
    return back_to(f"/data/queue/{kind}")


@router.post("/data/queue/{kind}/refuse", response_class=RedirectResponse)
def refuse(
    site: TheSite, person: ThePerson, kind: Kind, key: Short, reason: Reason
) -> RedirectResponse:
    """Refuse it: it is not asked again."""
    require(person)
    refuse_task(site.registry(person.name), key, reason)
    return back_to(f"/data/queue/{kind}")


@router.post("/data/waivers", response_class=RedirectResponse)
def waive(
    site: TheSite,
    person: ThePerson,
    check: Short,
    until: Annotated[date, Form()],
    reason: Reason,
    rows: Written = "",
    every: Annotated[bool, Form()] = False,
) -> RedirectResponse:
    """Excuse rows from a check until a day, as `incumbent data waive` does."""
    require(person)
    asked = Excuse(check, rows.strip() or None, every, until, reason.strip(), person.name)
    try:
        with changing():
            excuse(asked, site.clock().date())
    except InputError as error:  # a form has no options
        raise InputError(str(error).removeprefix("--")) from None
    return back_to("/data/waivers")


@router.post("/data/regressed", response_class=RedirectResponse)
def write_answer(
    site: TheSite, person: ThePerson, item: Short, answer: Written = ""
) -> RedirectResponse:
    """Write the right answer to a dev item into the file that `incumbent data import` reads."""
    require(person)
    correct(site.registry(person.name), item, answer)
    return back_to("/data/regressed")


def back_to(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)
