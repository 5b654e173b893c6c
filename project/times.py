"""Moments as text: RFC 3339 in UTC, so that text sorts as time does."""

import re
from datetime import UTC, datetime

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def moment(text: str) -> str:
    """Return the text; raises ValueError unless it is an RFC 3339 date and time that exists."""
    if not RFC_3339.fullmatch(text.upper()):
        raise ValueError(f"{text!r} is no RFC 3339 time such as 2026-01-31T12:00:00Z")
    datetime.fromisoformat(text.upper())
    return text


def stamp(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC, to the millisecond, so that text sorts as time does."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def readable(text: str) -> str:
    """What `stamp` wrote as people read it, to the minute."""
    return f"{text[:16].replace('T', ' ')} UTC"


def moment_of(text: str) -> datetime:
    """The moment that `stamp` wrote."""
    return datetime.fromisoformat(text)
