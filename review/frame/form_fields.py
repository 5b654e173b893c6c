"""What people type into forms and addresses, and lists a page at a time."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Form, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from project.errors import InputError
from project.records.adapters import AdapterVersion
from project.records.record import Record
from registry.reader import RegistryReader

LONGEST_REASON = 2_000  # characters

Reason = Annotated[str, Form(max_length=LONGEST_REASON)]


def written(text: str) -> str:
    """A text as it is kept: browsers end lines in their own way. Raises InputError for a NUL."""
    if "\0" in text:
        raise InputError("holds a character that no text has (NUL)")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def given_reason(text: str) -> str:
    """A reason as it is kept. Raises InputError for one that says nothing."""
    reason = text.strip()
    if not any(map(str.isalnum, reason)):
        raise InputError("a reason is needed: it is kept with your name", field="reason")
    return reason


# --- address --------------------------------------------------------------------------------------

# What an address may ask for: nonsense is refused before anything is read.

LARGEST = 2**31 - 1  # that every database has a number for

Number = Annotated[int, Field(ge=1, le=LARGEST)]
VersionNumber = Annotated[int, Path(ge=1, le=LARGEST, description="The version's number.")]


class AddressQuery(BaseModel):
    """The part of an address after the question mark. A field that was left empty is not there."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def without_empty_fields(cls, fields: Any) -> Any:
        return {name: value for name, value in dict(fields).items() if not is_blank(value)}

    @property
    def narrows(self) -> bool:
        """Whether it asks for anything."""
        return self != type(self)()

    def address(self, path: str, **changes: object) -> str:
        """The same page with other values; None leaves one out."""
        fields = self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | changes
        given = {name: value for name, value in fields.items() if value is not None}
        return f"{path}?{urlencode(given)}" if given else path


def is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def known_version(reader: RegistryReader, number: int) -> AdapterVersion:
    """Raises HTTPException (404) for a number that no version has."""
    try:
        return reader.version(number)
    except InputError as error:
        raise HTTPException(404, str(error)) from None


# --- paging ---------------------------------------------------------------------------------------

MOST_PAGES = 10**9
Thing = TypeVar("Thing")

PageNumber = Annotated[int, Field(ge=1, le=MOST_PAGES, description="From 1 on.")]


class NumberedPage(Record):
    """One page of what was asked for. Templates link to the others with `pages.html`."""

    total: int  # on all pages
    page: int  # from 1 on
    pages: int


def page_numbers(total: int, page: int, size: int) -> dict[str, Any]:
    """The fields of a NumberedPage. An empty list has one page."""
    return {"total": total, "page": page, "pages": max(1, -(-total // size))}


def nth_page(things: Sequence[Thing], page: int, size: int) -> Sequence[Thing]:
    return things[(page - 1) * size : page * size]
