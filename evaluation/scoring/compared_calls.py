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
        schemas = {tool["name"]: tool.get("parameters") or {} for tool in told["tools"]}
        tools = {name: Shape.of(schema, schema) for name, schema in schemas.items()}
        calls = [read(WrittenCall(*call), tools) for call in told["calls"]]
        written = told["written"]
        back = [read(call, tools) for call in written_calls(written, schemas)] if written else calls
        return cls(tools, calls, schemas, Counter(back) == Counter(calls))

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
            "calls_parsed": share(sum(c.arguments is not None for c in written), len(written)),
            "calls_valid": share(self.valid_ones(written, unusable), len(written)),
            "unknown_tools": float(not names.keys() <= self.tools.keys()),
        }

    def valid_ones(self, written: Sequence[WrittenCall], unusable: set[str]) -> int:
        """How many calls parse and fit the schemas of their tools, as far as these can be used."""
        spent, fit = list[None](), 0
        schemas = {name: as_json(shape.root) for name, shape in self.tools.items()}
        for name, arguments in written:
            if arguments is None or not (schema := schemas.get(name or "")):
                continue
            try:
                fit += schema in unusable or valid(checker(schema), as_json(arguments), spent=spent)
            except InputError:  # of a schema that a row brings: no reason to end a look
                unusable.add(schema)
                fit += 1
        return fit


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
    known = {key: schema for key, schema in shape.properties.items() if isinstance(schema, dict)}
    defaults = {key: schema["default"] for key, schema in known.items() if "default" in schema}
    told, left_out = (
        {(key, in_order(value)) for key, value in normal(arguments, shape).items()}
        for arguments in (call.arguments, defaults)
    )
    return ReadCall(call.name, frozenset(told - left_out))


def in_order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def agreements(due: Sequence[ReadCall], made: Sequence[ReadCall]) -> Iterator[float]:
    """How far the call that fits best agrees with each that is due; each counts once."""
    left = list(made)
    for call in sorted(due, key=lambda call: call not in made):  # first those that are there
        fits = [agreement(call, other) if other.name == call.name else 0.0 for other in left]
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
        named, others = shape.properties, shape.within("additionalProperties")
        inner = {key: Shape.of(named[key], shape.root) if key in named else others for key in value}
        return {key: normal(part, inner[key]) for key, part in value.items()}
    if isinstance(value, list):
        items = shape.within("items")
        parts = [normal(part, items) for part in value]
        return sorted(parts, key=in_order) if any(shape.said("uniqueItems", bool)) else parts
    if isinstance(value, str):
        return normal_text(value, shape)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def normal_text(text: str, shape: Shape) -> Any:
    types, formats, bare = shape.types, shape.said("format", str), plain(text)
    if types & {"number", "integer"} and "string" not in types and NUMBER.fullmatch(bare):
        return normal(float(bare), shape)
    if "date-time" in formats or "date" in formats:
        return moment(bare, timed="date-time" in formats)
    named = [
        plain(option)
        for options in shape.said("enum", list)
        for option in options
        if isinstance(option, str)
    ]
    same = {option for option in named if option.casefold() == bare.casefold()}
    return same.pop() if len(same) == 1 else bare


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def moment(text: str, *, timed: bool) -> str:
    """A date, or a time in UTC where it names its zone, as ISO 8601 writes it."""
    with suppress(ValueError, OverflowError):
        if not timed:
            return date.fromisoformat(text).isoformat()
        parsed = datetime.fromisoformat(text)
        return (parsed.astimezone(UTC) if parsed.tzinfo else parsed).isoformat()
    return text
