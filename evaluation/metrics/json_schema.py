"""Whether an answer is JSON of the shape that was asked for, and has the reference's values."""

from pathlib import Path
from typing import Any

from evaluation.metrics.per_item import PerItem, Values
from evaluation.scoring.json_schemas import fields, read_schema, share, valid, validator

NO_JSON = "reference is no JSON"


class JsonSchema(PerItem):
    """Whether the whole answer is one JSON text, and how many of the reference's fields it has.

    compute(predictions=texts, references=texts) -> {"json_valid": [n], "json_fields": [n]}. Valid
    is 1 where the text is JSON that fits the schema, else 0. `schema` is a JSON Schema file, in the
    draft that its "$schema" names, else the newest; without one any object or list is valid. By the
    standard, "format" annotates and refuses nothing. Words or a code fence around the JSON make it
    invalid: a program would not read it. Fields is the share of the reference's values that stand
    in the answer in the same place; where the reference is no JSON, the item says nothing of it.
    """

    more_is_better = ("json_valid", "json_fields")
    ranges = (("json_valid", 0, 1), ("json_fields", 0, 1))
    description = "Validity against a JSON schema and right fields per item."
    citation = "Wright et al. (2022). JSON Schema: A Media Type for Describing JSON Documents."

    def __init__(self, schema: Path | None = None, **options: Any) -> None:
        self.schema = schema
        inline = {"type": ["object", "array"]}
        self.validator = validator(read_schema(schema) if schema else inline, schema)
        super().__init__(**options)

    def _compute(self, predictions: list[str], references: list[str]) -> Values:
        expected = list(map(fields, references))
        self.unread = {"json_fields": [i for i, wanted in enumerate(expected) if not wanted]}
        self.inapplicable = self.unread
        self.flags = {NO_JSON: self.unread["json_fields"]}
        return {
            "json_valid": [float(valid(self.validator, t, self.schema)) for t in predictions],
            "json_fields": [
                share(fields(text), asked)
                for text, asked in zip(predictions, expected, strict=True)
            ],
        }
