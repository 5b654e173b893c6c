"""A request's JSON, read strictly: what two readers could take for two things is refused."""

import json
import re
from pathlib import Path
from typing import Any

from project.errors import InputError
from project.records.record import HALF, is_half
from project.untrusted_input import strict_json
from serving.callers.api_error import ApiError

NAME = Path("The request")  # in messages
# A number that may be above all floats, which Python reads as infinity.
HUGE = re.compile(rb"[0-9][eE]\+?[0-9]{3}|[0-9]{300}")
MOST_DEEP = 64  # objects and lists in one another; schemas of tools take a dozen


def json_object(body: bytes) -> dict[str, Any]:
    """Raises ApiError for what is no JSON object, has a key twice, or cannot be passed on."""
    try:
        found = strict_json(body, NAME)
    except InputError as error:
        raise ApiError(400, f"{error}.") from None
    if not isinstance(found, dict):
        raise ApiError(400, "The request must be a JSON object.")
    if HALF.search(body) and is_half(found):
        raise ApiError(400, "The request holds half of a character (a lone surrogate).")
    if too_deep(body, found):
        raise ApiError(400, "The request is nested too deep.")
    if HUGE.search(body) and is_endless(found):
        raise ApiError(400, "The request holds a number that is too large.")
    return found


def is_endless(found: object) -> bool:
    """Whether a number in it was read as infinity."""
    try:
        json.dumps(found, allow_nan=False)
    except ValueError:
        return True
    return False


def too_deep(body: bytes, found: object) -> bool:
    """Each step goes one level down. Few brackets cannot be deep, so that most are not walked."""
    if body.count(b"[") + body.count(b"{") <= MOST_DEEP:
        return False
    level = [found]
    for _ in range(MOST_DEEP):
        level = [inner for value in level for inner in inside(value)]
        if not level:
            return False
    return True


def inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
