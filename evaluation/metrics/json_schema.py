"""Whether an answer is JSON of the shape that was asked for."""

import json
from pathlib import Path
from typing import Any

from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from evaluation.metrics.per_item import PerItem, Values
from project.errors import InputError
from project.records.record import read_input


class JsonSchema(PerItem):
    """1 where the whole answer is one JSON text that is valid against the schema, else 0.

    compute(predictions=texts) -> {"json_valid": [n]}. `schema` is a JSON Schema file, in the draft
    that its "$schema" names, else the newest. By the standard, "format" annotates and refuses
    nothing. Words or a code fence around the JSON make it invalid: a program would not read it.
    """

    more_is_better = ("json_valid",)
    description = "Validity against a JSON schema per item."
    citation = "Wright et al. (2022). JSON Schema: A Media Type for Describing JSON Documents."
    columns = ("predictions",)

    def __init__(self, schema: Path, **options: Any) -> None:
        self.schema = schema
        self.validator = validator_of(schema)
        super().__init__(**options)

    def _compute(self, predictions: list[str]) -> Values:
        try:
            return {"json_valid": [float(self.valid(text)) for text in predictions]}
        except Unresolvable as error:
            raise InputError(f"refers to what is not in it: {error}", file=self.schema) from None

    def valid(self, text: str) -> bool:
        try:
            return bool(self.validator.is_valid(strict_json(text)))
        except (ValueError, RecursionError):  # no JSON, or nested deeper than can be followed
            return False


def validator_of(schema: Path) -> Validator:
    """Read a schema. Raises InputError where it is none."""
    try:
        read = strict_json(read_input(schema).decode())
        kind = validator_for(read)
        kind.check_schema(read)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", file=schema) from None
    except SchemaError as error:
        raise InputError(f"no JSON schema: {error.message}", file=schema) from None
    return kind(read, registry=Registry())  # an empty one: a "$ref" is never looked up on the net


def strict_json(text: str) -> Any:
    """Parse JSON; raises ValueError, also for the NaN and Infinity that Python would accept."""
    return json.loads(text, parse_constant=refuse)


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
