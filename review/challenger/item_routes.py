"""The item explorer: dev items and what versions answered to them."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from evaluation.report.kept_report import ComparisonChoice, choices
from review.access.users_file import ThePerson
from review.challenger.item_list import ItemList, ItemQuery, item_list
from review.challenger.item_page import REFERENCE, ItemView, held_against, item_view, marked_answers
from review.frame.form_fields import Number
from review.frame.pages import page
from review.site import Site, TheSite

router = APIRouter(tags=["items"])
TEMPLATES = Path(__file__).parent / "templates"
CHOICES = 200  # versions that the page offers, newest first

Filters = Annotated[ItemQuery, Query()]
Before = Annotated[Number | None, Query(description="Only versions before this.")]
NOTHING = "no dev items are kept yet: `incumbent submit` keeps those of each version"


@router.get("/items", response_class=HTMLResponse)
def show_items(request: Request, site: TheSite, person: ThePerson, query: Filters) -> HTMLResponse:
    """Dev items of one comparison, or of any two versions, filtered."""
    there = choices(site.registry(person.name))
    number = chosen(there, query) if there else None
    is_kept = number in {one.number for one in there}
    if number and not is_kept:
        site.registry(person.name).version(number)  # raises InputError for what is no version
    found = listed_items(site, person.name, there, query) if is_kept else None
    return page(
        request,
        TEMPLATES / "items.html",
        found=found,
        query=query,
        choices=there[:CHOICES],
        chosen=number,
    )


@router.get("/api/items")
def read_items(site: TheSite, person: ThePerson, query: Filters) -> ItemList:
    """Dev items of one comparison, or of any two versions, filtered, 50 on a page."""
    there = choices(site.registry(person.name))
    if not there:
        raise HTTPException(404, NOTHING)
    return listed_items(site, person.name, there, query)


@router.get("/api/items/{item:path}")
def read_item(site: TheSite, person: ThePerson, item: str, before: Before = None) -> ItemView:
    """One dev item with the answers of every version. Sealed items are not there."""
    return found_item(site, person.name, item, before)


@router.get("/items/{item:path}", response_class=HTMLResponse)
def show_item(
    request: Request,
    site: TheSite,
    person: ThePerson,
    item: str,
    before: Before = None,
    against: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """One dev item, at an address of its own."""
    view = found_item(site, person.name, item, before)
    held = against if against in {REFERENCE, *(one.key for one in view.answers)} else usual(view)
    return page(
        request,
        TEMPLATES / "item.html",
        view=view,
        before=before,
        against=held,
        reference=REFERENCE,
        marked=marked_answers(view, held),
    )


def listed_items(
    site: Site, actor: str, there: list[ComparisonChoice], query: ItemQuery
) -> ItemList:
    found = held_against(site.registry(actor), chosen(there, query), query.against)
    return item_list(found, query)


def chosen(there: list[ComparisonChoice], query: ItemQuery) -> int:
    return there[0].number if query.version is None else query.version


def found_item(site: Site, actor: str, item: str, before: int | None) -> ItemView:
    view = item_view(site.registry(actor), item, before)
    if view is None:
        raise HTTPException(404, "no dev item of that id is kept; sealed items are not shown")
    return view


def usual(view: ItemView) -> str:
    """What answers are held against: the one that the newest comparison's champion gave."""
    return view.comparisons[0].opponent
