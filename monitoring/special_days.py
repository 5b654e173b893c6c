"""Days that are like no others, such as holidays: nights leave them out, and references too."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

DAYS = "a day such as 2026-12-24, or FROM..TO"
FORMS = f"a country such as DE, a part of one such as DE-BY, {DAYS}"


def name_of_special(entries: Iterable[str], day: date) -> str | None:
    """Why a day is special: a holiday's name, or the entry that covers it. None: it is not.

    Raises ValueError for an entry that is none of FORMS.
    """
    for entry in entries:
        if entry[:1].isdigit():
            first, last = first_and_last(entry)
            if first <= day <= last:
                return entry
        elif name := calendar_of(entry).get(day):
            return str(name)
    return None


def first_and_last(days: str) -> tuple[date, date]:
    """The ends of days as people type them. Raises ValueError for what is not DAYS."""
    first, dots, last = days.partition("..")
    try:
        ends = date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError:
        raise ValueError(f"{days!r} is not {DAYS}") from None
    if ends[1] < ends[0]:
        raise ValueError(f"{days!r} ends before it begins")
    return ends


@lru_cache
def calendar_of(entry: str) -> "HolidayBase":
    """The public holidays of a country, or of a part of it."""
    from holidays import country_holidays  # not before a calendar is asked for

    country, _, part = entry.partition("-")
    try:
        return country_holidays(country, subdiv=part or None, language="en_US")
    except NotImplementedError:
        raise ValueError(f"{entry!r} is not {FORMS}") from None
