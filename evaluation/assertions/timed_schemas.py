"""Kinds of JSON schema whose patterns are looked for no longer than those of assertions.

jsonschema looks for them with `re`, which knows no time limit: a schema of a row would hang a run.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import validators
from jsonschema.exceptions import ValidationError

from evaluation.assertions.patterns import SECONDS, found

Errors = Iterator[ValidationError]


def pattern(validator: Any, wanted: str, value: Any, schema: Any) -> Errors:
    if validator.is_type(value, "string") and not found(wanted, value, seconds=SECONDS):
        yield ValidationError(f"does not match {wanted!r}")


def pattern_properties(
    validator: Any, wanted: Mapping[str, Any], value: Any, schema: Any
) -> Errors:
    for key in value if validator.is_type(value, "object") else ():
        for one, inner in wanted.items():
            if found(one, key, seconds=SECONDS):
                yield from validator.descend(value[key], inner, path=key, schema_path=one)


def additional_properties(validator: Any, allowed: Any, value: Any, schema: Any) -> Errors:
    for key in value if validator.is_type(value, "object") else ():
        patterns = schema.get("patternProperties", {})
        known = key in schema.get("properties", {})
        if not known and not any(found(one, key, seconds=SECONDS) for one in patterns):
            yield from validator.descend(value[key], allowed, path=key)


OURS = {
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
TIMED = [extend(draft, OURS, version=f"timed {draft.__name__}") for draft in DRAFTS]
NEWEST = TIMED[-1]
