"""Reading of JSON values of which nothing is known: fields, moments, and texts in texts."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite

from project.times import moment

Fields = Mapping[str, object]
# Powers of ten by which a count of seconds, of milliseconds, … and of nanoseconds is told apart.
UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (float("inf"), 1e9))


class UnfitError(ValueError):
    """Why a record of a known log is no row: a few words that name the field."""


def fields_of(value: object) -> Fields:
    """An object as it is; none where it is something else."""
    return value if isinstance(value, dict) else {}


def first(record: object, *names: str) -> object:
    """The first of these fields that has a value; `a.b` is a field of a field."""
    for name in names:
        value = record
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value not in (None, "", [], {}):
            return value
    return None


def known(record: object, *names: str) -> object:
    """The same. Raises UnfitError where none has a value."""
    value = first(record, *names)
    if value is None:
        raise UnfitError(f"no {names[0]}")
    return value


def name_in(record: object, *names: str) -> str | None:
    """A text or number that names somebody or something."""
    value = first(record, *names)
    named = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if named else None


def unpacked(value: object) -> object:
    """A value that may stand as JSON within a text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def moment_in(record: object, *names: str) -> str:
    """A moment as traffic has it, of a text or a number since 1970; without a zone it is UTC.

    Raises UnfitError where there is none.
    """
    value = known(record, *names)
    try:
        return moment_of(value)
    except (ValueError, OverflowError, OSError):
        raise UnfitError(f"bad {names[0]}") from None


def moment_of(value: object) -> str:
    if isinstance(value, str) and not is_number(value):
        text = value.strip().replace(" ", "T", 1).replace(" UTC", "Z")
        time = datetime.fromisoformat(text.upper())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()
    return moment(datetime.fromtimestamp(seconds_of(value), UTC).isoformat())


def seconds_of(value: object) -> float:
    """Since 1970, whatever the unit is. Raises ValueError for what is no number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("no number")
    number = float(value)
    if not isfinite(number) or number < 0:
        raise ValueError("no moment")
    return number / next(per_second for bound, per_second in UNITS if number < bound)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def milliseconds(start: object, end: object) -> float | None:
    """Between two moments; None where one is not told."""
    try:
        took = datetime.fromisoformat(moment_of(end)) - datetime.fromisoformat(moment_of(start))
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return max(took.total_seconds() * 1000, 0.0)


def items(value: object) -> Iterator[Fields]:
    """The objects of a list."""
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, dict))
