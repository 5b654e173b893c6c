"""Calls of tools, compared by their names and, as their schemas say, by their arguments."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from jsonschema.protocols import Validator

from evaluation.scoring.json_schemas import valid, validator
from project.errors import InputError
from project.records.tool_calls import Shape, as_json
from project.written_calls import Schemas, WrittenCall, written_calls


class DueCalls(NamedTuple):
    """What may be called in an item and what has to be."""

    tools: dict[str, "Shape"]
    calls: list["ReadCall"]
    schemas: Schemas
    readable: bool  # whether these are found in what the base writes for them

    @classmethod
    def of(cls, column: str) -> "DueCalls | None":
        if not column:
            return None
        told = json.loads(column)
        schemas = {own["name"]: own.get("parameters") or {} for own in told["tools"]}
        tools = {name: Shape.of(schema, schema) for name, schema in schemas.items()}
        calls = [read(WrittenCall(*call), tools) for call in told["calls"]]
        written = told["written"]
        found = [read(one, tools) for one in written_calls(written, schemas)] if written else calls
        return cls(tools, calls, schemas, Counter(found) == Counter(calls))

    def scores(self, answer: str, unusable: set[str]) -> dict[str, float]:
        """Of an answer; `unusable` are schemas that no call can be checked by, and gains some."""
        written = written_calls(answer, self.schemas)
        made = [read(call, self.tools) for call in written]
        names = Counter(call.name for call in made if call.name)
        asked = Counter(call.name for call in self.calls if call.name)
        return {
            "calls_right": float(Counter(made) == Counter(self.calls)),
            "call_names": share((names & asked).total(), len(self.calls)),
            "call_arguments": share(sum(agreements(self.calls, made)), len(self.calls)),
            "needless_calls": float(bool(made)),
            "missed_calls": float(not made),
            "calls_parsed": share(sum(one.arguments is not None for one in written), len(written)),
            "calls_valid": share(self.valid_ones(written, unusable), len(written)),
            "unknown_tools": float(not names.keys() <= self.tools.keys()),
        }

    def valid_ones(self, written: Sequence[WrittenCall], unusable: set[str]) -> int:
        """How many calls parse and fit the schemas of their tools, as far as these can be used."""
        spent, found = list[None](), 0
        schemas = {name: as_json(shape.root) for name, shape in self.tools.items()}
        for name, arguments in written:
            if arguments is None or not (own := schemas.get(name or "")):
                continue
            try:
                found += own in unusable or valid(checker(own), as_json(arguments), spent=spent)
            except InputError:  # of a schema that a row brings: no reason to end a look
                unusable.add(own)
                found += 1
        return found


@lru_cache(4096)  # most rows share their tools
def checker(schema: str) -> Validator:
    return validator(json.loads(schema))


def share(part: float, whole: int) -> float:
    """1 of none, for what says nothing says nothing wrong."""
    return part / whole if whole else 1.0


# --- calls ----------------------------------------------------------------------------------------


class ReadCall(NamedTuple):
    name: str | None
    # Each that is not its default, with its value in its normal form, as JSON.
    arguments: frozenset[tuple[str, str]] | None


def read(call: WrittenCall, tools: Mapping[str, "Shape"]) -> ReadCall:
    if call.name is None or call.arguments is None:
        return ReadCall(call.name, None)
    shape = tools.get(call.name, Shape([], {}))
    known = {key: own for key, own in shape.properties.items() if isinstance(own, dict)}
    defaults = {key: own["default"] for key, own in known.items() if "default" in own}
    told, left_out = (
        {(key, in_order(value)) for key, value in normal(own, shape).items()}
        for own in (call.arguments, defaults)
    )
    return ReadCall(call.name, frozenset(told - left_out))


def in_order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def agreements(due: Sequence[ReadCall], made: Sequence[ReadCall]) -> Iterator[float]:
    """How far the call that fits best agrees with each that is due; each counts once."""
    left = list(made)
    for call in sorted(due, key=lambda one: one not in made):  # first those that are there
        fits = [agreement(call, one) if one.name == call.name else 0.0 for one in left]
        if best := max(fits, default=0.0):
            left.pop(fits.index(best))
            yield best


def agreement(due: ReadCall, made: ReadCall) -> float:
    if due.arguments is None or made.arguments is None:
        return 0.0
    names = {name for name, _ in due.arguments | made.arguments}
    return share(len(due.arguments & made.arguments), len(names))


# --- values ---------------------------------------------------------------------------------------

NUMBER = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?")


def normal(value: Any, shape: Shape) -> Any:
    """A value in the form that all have which are the same to a schema."""
    if isinstance(value, dict):
        own, others = shape.properties, shape.within("additionalProperties")
        inner = {key: Shape.of(own[key], shape.root) if key in own else others for key in value}
        return {key: normal(one, inner[key]) for key, one in value.items()}
    if isinstance(value, list):
        items = shape.within("items")
        found = [normal(one, items) for one in value]
        return sorted(found, key=in_order) if any(shape.said("uniqueItems", bool)) else found
    if isinstance(value, str):
        return normal_text(value, shape)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def normal_text(text: str, shape: Shape) -> Any:
    types, formats, said = shape.types, shape.said("format", str), plain(text)
    if types & {"number", "integer"} and "string" not in types and NUMBER.fullmatch(said):
        return normal(float(said), shape)
    if "date-time" in formats or "date" in formats:
        return moment(said, timed="date-time" in formats)
    named = [plain(one) for own in shape.said("enum", list) for one in own if isinstance(one, str)]
    same = {one for one in named if one.casefold() == said.casefold()}
    return same.pop() if len(same) == 1 else said


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def moment(text: str, *, timed: bool) -> str:
    """A date, or a time in UTC where it names its zone, as ISO 8601 writes it."""
    with suppress(ValueError, OverflowError):
        if not timed:
            return date.fromisoformat(text).isoformat()
        found = datetime.fromisoformat(text)
        return (found.astimezone(UTC) if found.tzinfo else found).isoformat()
    return text
