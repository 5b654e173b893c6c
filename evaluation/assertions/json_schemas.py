"""JSON schemas, and texts that are valid against them."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from jsonschema.exceptions import SchemaError, UnknownType
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from evaluation.assertions.timed_schemas import NEWEST
from project.errors import InputError
from project.records.record import read_input

# What comes of a part that a "$ref" reaches and that is no schema: nothing looked at it before.
NO_SCHEMA = (AttributeError, KeyError, TypeError, UnknownType, ZeroDivisionError)

DATA = ("const", "default", "enum", "examples")  # words whose values are no schemas


def read_schema(file: Path) -> Any:
    """Read a schema. Raises InputError where it is none."""
    try:
        read = strict_json(read_input(file).decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", file=file) from None
    validator(read, file)
    return read


def validator(schema: Any, file: Path | None = None) -> Validator:
    """What tells whether JSON is valid. Raises InputError for what is no schema."""
    try:
        kind = kind_of(schema, file)
        kind.check_schema(schema)
        refuse_untimed(schema, file)
    except RecursionError:
        raise InputError("a JSON schema that is nested too deep", file=file) from None
    except SchemaError as error:
        raise InputError(f"no JSON schema: {error.message}", file=file) from None
    made = kind(schema, registry=Registry())  # an empty one: a "$ref" is never looked up on the net
    refuse_dangling(made, schema, file)
    return made


def kind_of(schema: Any, file: Path | None) -> type[Validator]:
    if not isinstance(schema, dict | bool):
        raise InputError("no JSON schema: it must be an object, or true or false", file=file)
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        raise InputError('"$schema" must be a text', file=file)
    return validator_for(schema, default=NEWEST)


def refuse_untimed(schema: Any, file: Path | None) -> None:
    """Raise InputError for the one pair of words whose patterns no time limit holds for."""
    words = {word for part in objects_in(schema) for word in part}
    if {"unevaluatedProperties", "patternProperties"} <= words:
        problem = 'has "unevaluatedProperties" and "patternProperties": leave one of them out'
        raise InputError(f"a JSON schema that {problem}", file=file)


def refuse_dangling(made: Validator, schema: Any, file: Path | None) -> None:
    """Raise InputError for a "$ref" that leads nowhere, whether or not an answer ever follows it.

    What is named from within a part that has a name of its own is left to who follows it.
    """
    parts = list(objects_in(schema, DATA))
    if any(isinstance(part.get(word), str) for part in parts[1:] for word in ("$id", "id")):
        return
    for target in {part["$ref"] for part in parts if isinstance(part.get("$ref"), str)}:
        valid(made.evolve(schema={"$ref": target}), "null", file)


def objects_in(value: Any, but: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Every object in JSON, itself first, but those under some words."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
            left += [inner for word, inner in one.items() if word not in but]
        elif isinstance(one, list):
            left += one


def valid(found: Validator, text: str, file: Path | None = None) -> bool:
    """Whether a text is JSON of that schema. Raises InputError where the schema is not whole."""
    try:
        return bool(found.is_valid(strict_json(text)))
    # No JSON, nested deeper than can be followed, or a number that is too large to be one.
    except (ValueError, RecursionError, OverflowError):
        return False
    except Unresolvable as error:
        problem = f"refers to what is not in it: {error}"
    except NO_SCHEMA as error:
        problem = f"refers to a part that is no schema: {type(error).__name__}"
    raise InputError(problem, file=file or "a JSON schema")


def strict_json(text: str) -> Any:
    """Parse JSON; raises ValueError, also for the NaN and Infinity that Python would accept."""
    return json.loads(text, parse_constant=refuse)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
