"""A long list, a page at a time: the same fields and links wherever there is one."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from pydantic import Field

from project.records.record import Record

MOST_PAGES = 10**9
Thing = TypeVar("Thing")

PageNumber = Annotated[int, Field(ge=1, le=MOST_PAGES, description="From 1 on.")]


class NumberedPage(Record):
    """One page of what was asked for. Templates link to the others with `pages.html`."""

    total: int  # on all pages
    page: int  # from 1 on
    pages: int


def page_count(total: int, size: int) -> int:
    """An empty list has one page."""
    return max(1, -(-total // size))


def nth_page(things: Sequence[Thing], page: int, size: int) -> Sequence[Thing]:
    return things[(page - 1) * size : page * size]
