"""Whether an answer is JSON of the shape that was asked for."""

from pathlib import Path
from typing import Any

from evaluation.assertions.json_schemas import read_schema, valid, validator
from evaluation.metrics.per_item import PerItem, Values


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
        self.validator = validator(read_schema(schema), schema)
        super().__init__(**options)

    def _compute(self, predictions: list[str]) -> Values:
        return {"json_valid": [float(valid(self.validator, t, self.schema)) for t in predictions]}
