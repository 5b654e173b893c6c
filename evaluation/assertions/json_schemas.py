"""JSON schemas, and texts that are valid against them."""

import json
from pathlib import Path
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from project.errors import InputError
from project.records.record import read_input


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
        kind = validator_for(schema)
        kind.check_schema(schema)
    except RecursionError:
        raise InputError("a JSON schema that is nested too deep", file=file) from None
    except SchemaError as error:
        raise InputError(f"no JSON schema: {error.message}", file=file) from None
    return kind(schema, registry=Registry())  # an empty one: a "$ref" is never looked up on the net


def valid(found: Validator, text: str, file: Path | None = None) -> bool:
    """Whether a text is JSON of that schema. Raises InputError where the schema is not whole."""
    try:
        return bool(found.is_valid(strict_json(text)))
    except (ValueError, RecursionError):  # no JSON, or nested deeper than can be followed
        return False
    except Unresolvable as error:
        problem = f"refers to what is not in it: {error}"
        raise InputError(problem, file=file or "a JSON schema") from None


def strict_json(text: str) -> Any:
    """Parse JSON; raises ValueError, also for the NaN and Infinity that Python would accept."""
    return json.loads(text, parse_constant=refuse)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
