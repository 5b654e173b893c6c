"""Days that are like no others, such as holidays: nights leave them out, and references too."""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

SPAN = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?")
FORMS = "a country such as DE, a part of one such as DE-BY, a day such as 2026-12-24, or FROM..TO"


def name_of_special(entries: Iterable[str], day: date) -> str | None:
    """Why a day is special: a holiday's name, or the entry that covers it. None: it is not.

    Raises ValueError for an entry that is none of FORMS.
    """
    for entry in entries:
        if span := SPAN.fullmatch(entry):
            first, last = ends_of(entry, span[1], span[2] or span[1])
            if first <= day <= last:
                return entry
        elif name := calendar_of(entry).get(day):
            return str(name)
    return None


def ends_of(entry: str, *days: str) -> tuple[date, date]:
    try:
        first, last = map(date.fromisoformat, days)
    except ValueError as error:
        raise ValueError(f"{entry}: {error}") from None
    if last < first:
        raise ValueError(f"{entry} ends before it begins")
    return first, last


@lru_cache
def calendar_of(entry: str) -> "HolidayBase":
    """The public holidays of a country, or of a part of it."""
    from holidays import country_holidays  # not before a calendar is asked for

    country, _, part = entry.partition("-")
    try:
        return country_holidays(country, subdiv=part or None, language="en_US")
    except NotImplementedError:
        raise ValueError(f"{entry!r} is not {FORMS}") from None
