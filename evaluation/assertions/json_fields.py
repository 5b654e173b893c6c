"""The fields of a JSON text: every value with its place."""

import json
from collections.abc import Iterator
from typing import Any

from evaluation.assertions.json_schemas import strict_json

Place = tuple[str | int, ...]
Fields = dict[Place, object]


def share(answer: Fields, asked: Fields) -> float:
    """Of the fields that are asked for, how many the answer has; 1 of none."""
    right = sum(answer.get(place) == value for place, value in asked.items())
    return right / len(asked) if asked else 1.0


def fields(text: str) -> Fields:
    """Every value of an object or a list, by its place; nothing of what is no JSON."""
    try:
        found = strict_json(text)
        return dict(leaves(found)) if isinstance(found, dict | list) else {}
    except (ValueError, RecursionError):
        return {}


def leaves(value: Any, *place: str | int) -> Iterator[tuple[Place, object]]:
    """An empty object or list is a value of its own. Numbers are equal as numbers: 1 is 1.0."""
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, *place, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, value
    else:
        yield place, json.dumps(value)
