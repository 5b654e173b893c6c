"""JSON schemas, and texts that are valid against them."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import regex
from jsonschema import validators
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

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
        # One pair of words has patterns that no time limit holds for.
        words = {word for part in objects_in(schema) for word in part}
        if {"unevaluatedProperties", "patternProperties"} <= words:
            problem = 'has "unevaluatedProperties" and "patternProperties": leave one of them out'
            raise InputError(f"a JSON schema that {problem}", file=file)
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


def refuse_dangling(made: Validator, schema: Any, file: Path | None) -> None:
    """Raise InputError for a "$ref" that leads nowhere, whether or not an answer ever follows it.

    What is named from within a part that has a name of its own is left to who follows it.
    """
    parts = list(objects_in(schema, DATA))
    if any(isinstance(part.get(word), str) for part in parts[1:] for word in ("$id", "id")):
        return
    spent = list[None]()
    for target in {part["$ref"] for part in parts if isinstance(part.get("$ref"), str)}:
        valid(made.evolve(schema={"$ref": target}), "null", file, spent)


def objects_in(value: Any, but: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Every object in JSON, itself first, but those under some words."""
    left = [value]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += [inner for word, inner in node.items() if word not in but]
        elif isinstance(node, list):
            left += node


def valid(
    validator: Validator, text: str, file: Path | None = None, spent: list[None] | None = None
) -> bool:
    """Whether a text is JSON of that schema. Raises InputError where the schema is not whole.

    `spent` is shared by texts that have MOST_REFERENCES together.
    """
    before = followed.set([] if spent is None else spent)
    try:
        return bool(validator.is_valid(strict_json(text)))
    # No JSON, nested deeper than can be followed, or a number that is too large to be one.
    except (ValueError, RecursionError, OverflowError):
        return False
    except Unresolvable as error:
        problem = f"refers to what is not in it: {error}"
    except NO_SCHEMA as error:
        problem = f"refers to a part that is no schema: {type(error).__name__}"
    finally:
        followed.reset(before)
    raise InputError(problem, file=file or "a JSON schema")


def strict_json(text: str) -> Any:
    """Parse JSON; raises ValueError, also for the NaN and Infinity that Python would accept."""
    return json.loads(text, parse_constant=refuse)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


# --- json fields ----------------------------------------------------------------------------------

# The fields of a JSON text: every value with its place.

Place = tuple[str | int, ...]
Fields = dict[Place, object]


def share(answer: Fields, asked: Fields) -> float:
    """The share of the fields that are asked for that the answer has; 1 of none."""
    right = sum(answer.get(place) == value for place, value in asked.items())
    return right / len(asked) if asked else 1.0


def fields(text: str) -> Fields:
    """Every value of an object or a list, by its place; nothing of what is no JSON."""
    try:
        document = strict_json(text)
        return dict(leaves(document)) if isinstance(document, dict | list) else {}
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


# --- patterns -------------------------------------------------------------------------------------

# Regular expressions of a user's, of which a bad one must not hang a run.

SECONDS = 5.0  # for one answer


def matches_pattern(
    pattern: str, text: str, *, whole: bool = False, seconds: float = SECONDS
) -> bool:
    """Whether a pattern is found in a text, or is the whole of it.

    Raises InputError for what is no regular expression, and for one that takes very long.
    """
    try:
        made = regex.compile(pattern)
        find = partial(made.fullmatch if whole else made.search, timeout=seconds)
        return find(text) is not None
    except TimeoutError:
        problem = (
            f"the regular expression {pattern!r} takes longer than {seconds:g} s on an "
            "answer: avoid a repeat within a repeat, such as (a+)+"
        )
        raise InputError(problem) from None
    except (regex.error, RecursionError, OverflowError) as error:
        raise InputError(f"{pattern!r:.80} is no regular expression: {error}") from None


# --- timed schemas --------------------------------------------------------------------------------

# Kinds of JSON schema whose patterns are looked for no longer than those of assertions.
#
# jsonschema looks for them with `re`, which knows no time limit: a schema of a row would hang a
# run. So would one whose parts refer to each other twice, or a long list that has to be unique.

MOST_REFERENCES = 20_000  # that are followed for one text; with more it is not valid
followed: ContextVar[list[None] | None] = ContextVar("followed", default=None)

Errors = Iterator[ValidationError]


def pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Errors:
    if validator.is_type(value, "string") and not matches_pattern(wanted, value, seconds=SECONDS):
        yield ValidationError(f"does not match {wanted!r}")


def pattern_properties(
    validator: Any, wanted: Mapping[str, Any], value: Any, schema: Any
) -> Errors:
    for key in value if validator.is_type(value, "object") else ():
        for form, inner in wanted.items():
            if matches_pattern(form, key, seconds=SECONDS):
                yield from validator.descend(value[key], inner, path=key, schema_path=form)


def additional_properties(validator: Any, allowed: Any, value: Any, schema: Any) -> Errors:
    for key in value if validator.is_type(value, "object") else ():
        patterns = schema.get("patternProperties", {})
        known = key in schema.get("properties", {})
        if not known and not any(matches_pattern(form, key, seconds=SECONDS) for form in patterns):
            yield from validator.descend(value[key], allowed, path=key)


def unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Errors:
    listed = value if wanted and validator.is_type(value, "array") else ()
    if len({frozenset(leaves(item)) for item in listed}) < len(listed):
        yield ValidationError("has an item twice")


def counted(draft: Any) -> dict[str, Any]:
    """The words of a draft that refer to another part, which are not followed for ever."""

    def within_limits(follow: Any, *given: Any) -> Errors:
        if (spent := followed.get()) is not None:
            spent.append(None)
            if len(spent) > MOST_REFERENCES:
                raise RecursionError
        yield from follow(*given) or ()

    words = {"$ref", "$dynamicRef", "$recursiveRef"} & draft.VALIDATORS.keys()
    return {word: partial(within_limits, draft.VALIDATORS[word]) for word in words}


OURS = {
    "uniqueItems": unique_items,
    "pattern": pattern,
    "patternProperties": pattern_properties,
    "additionalProperties": additional_properties,
}
DRAFTS = (
    validators.Draft3Validator,
    validators.Draft4Validator,
    validators.Draft6Validator,
    validators.Draft7Validator,
    validators.Draft201909Validator,
    validators.Draft202012Validator,
)
# The version registers each for its "$schema", which a part of a schema may have too.
extend: Any = validators.extend  # it has no types
TIMED = [
    extend(draft, OURS | counted(draft), version=f"timed {draft.__name__}") for draft in DRAFTS
]
NEWEST = TIMED[-1]
