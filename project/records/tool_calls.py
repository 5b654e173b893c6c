"""Calls of tools, and the tools that can be called, in the form of OpenAI's API."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from project.records.record import LATER, Record
from project.untrusted_input import quoted

DEEPEST = 64  # brackets within brackets: chat templates and schema checks follow no deeper ones
MOST_KNOWN, MOST_SIGNS = 4_096, 10_000  # texts that are remembered, and signs of one
Turn = tuple[str, Sequence["ToolCall"], str | None]  # role, calls, the call that a result is of


def json_object(text: str) -> dict[str, Any]:
    """The object that a text is in JSON. Raises ValueError that says why it is none."""
    try:
        value = json.loads(text, object_pairs_hook=once_each, parse_constant=no_number)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except UnicodeEncodeError:
        raise ValueError("holds half of a character (a lone surrogate)") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON ({error.msg}): {quoted(text)}") from None
    if not isinstance(value, dict):
        raise ValueError(f"is no JSON object: {quoted(text)}")
    refuse_deep(value)
    return value


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("has a key twice")
    return members


def no_number(name: str) -> None:
    raise ValueError(f"holds {name}, which is no JSON")


def refuse_deep(value: Any) -> None:
    """Raise ValueError for brackets within brackets that are too many."""
    level = [value]
    for _ in range(DEEPEST):
        level = [part for value in level for part in parts_of(value)]
        if not level:
            return
    raise ValueError(f"is nested deeper than {DEEPEST} levels")


def parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def as_json(value: Any) -> str:
    """As chat templates write JSON."""
    return json.dumps(value, ensure_ascii=False)


# --- calls ----------------------------------------------------------------------------------------


def arguments_text(text: str) -> str:
    """The text as it is; without escapes of letters, behind which nobody would find a name."""
    try:
        value = json_object(text)
    except ValueError as error:
        raise ValueError(f"arguments of a call: {error}") from None
    return as_json(value) if "\\u" in text else text


class CalledFunction(Record):
    name: str = Field(min_length=1)
    arguments: Annotated[str, AfterValidator(arguments_text)]  # an object in JSON


class ToolCall(Record):
    id: Annotated[str | None, LATER] = None
    type: Literal["function"] = "function"
    function: CalledFunction

    @property
    def name(self) -> str:
        return self.function.name

    @property
    def arguments(self) -> dict[str, Any]:
        """They are parsed."""
        return json_object(self.function.arguments)

    @property
    def text(self) -> str:
        arguments = self.function.arguments
        made = call_text if len(arguments) < MOST_SIGNS else call_text.__wrapped__
        return made(self.function.name, arguments)

    def __str__(self) -> str:
        return f"{self.name}({self.function.arguments})"


@lru_cache(MOST_KNOWN)
def call_text(name: str, arguments: str) -> str:
    """A call as Hermes and Qwen write it: the canonical form of an answer that is a call."""
    return marked("tool_call", as_json({"name": name, "arguments": json.loads(arguments)}))


def marked(mark: str, text: str) -> str:
    return f"<{mark}>\n{text.strip()}\n</{mark}>"


def unanswered(turns: Iterable[Turn]) -> str | None:
    """What is wrong with the order of calls and results, if anything is. Every call has its result
    before anybody else speaks; but for the calls that a conversation ends with.
    """
    open_calls: list[str | None] = []
    answered = True
    for number, (role, calls, result_of) in enumerate(turns, start=1):
        if role == "tool":
            if not open_calls:
                return f"turn {number} is the result of a tool that nobody called"
            if None not in open_calls:
                if (call_id := result_of or open_calls[0]) not in open_calls:
                    return f"turn {number} is a result of call {quoted(call_id)}, which is none"
                open_calls.remove(call_id)
            answered = True
            continue
        # Without ids, one result may be of several calls.
        if not answered or (open_calls and None not in open_calls):
            return f"a call before turn {number} has no result"
        open_calls, answered = [call.id for call in calls], not calls
    return None


# --- tools ----------------------------------------------------------------------------------------


def sound_tools(tools: tuple[dict[str, Any], ...] | None) -> tuple[dict[str, Any], ...] | None:
    """The same. Raises ValueError that says which tool is none, and why."""
    for number, tool in enumerate(tools or (), start=1):
        try:
            refuse_deep(tool)
            text = json.dumps(tool, ensure_ascii=False, allow_nan=False)
            text.encode()
            (refuse_unsound if len(text) < MOST_SIGNS else refuse_unsound.__wrapped__)(text)
        except UnicodeEncodeError:
            raise ValueError(f"tool {number} holds half of a character") from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"tool {number} {error}") from None
    names = Counter(tool["function"]["name"] for tool in tools or ())
    if twice := next((name for name, count in names.items() if count > 1), None):
        raise ValueError(f"has two tools of the name {quoted(twice)}")
    return tools


# What an answer may call, as OpenAI's API has it: each with a JSON schema of its arguments.
OfferedTools = Annotated[
    tuple[dict[str, Any], ...] | None, Field(min_length=1), AfterValidator(sound_tools), LATER
]


@lru_cache(MOST_KNOWN)
def refuse_unsound(text: str) -> None:
    """Raise ValueError for what is no tool."""
    tool = json.loads(text)
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise ValueError('is not in the form {"type": "function", "function": {…}}')
    if not isinstance(function.get("name"), str) or not function["name"].strip():
        raise ValueError("has no name")
    if not isinstance(function.get("description", ""), str):
        raise ValueError(f"{quoted(function['name'])} has a description that is no text")
    schema = function.get("parameters", {})
    if problem := no_schema(schema):
        raise ValueError(
            f"{quoted(function['name'])} has parameters that are no JSON schema: {problem}"
        )


def no_schema(schema: Any) -> str | None:
    """Why it is no JSON schema of an object; no "$ref" is followed."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return "it describes no object"
    # Imported here because it takes a while, and few projects have tools.
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        return quoted(error.message)
    return None


def tools_in(value: object) -> Iterator[dict[str, Any]]:
    """Tools as people have them: OpenAI's, or bare functions as its older files have; one, or a
    list, or JSON of these. Raises ValueError.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value or "[]")
        except (ValueError, RecursionError):
            raise ValueError(f"tools that are no JSON: {quoted(value)}") from None
    entries = [value] if isinstance(value, dict) else value
    if not isinstance(entries, list | tuple | None):
        raise ValueError(f"tools that are no list: {quoted(entries)}")
    for entry in entries or ():
        if not isinstance(entry, dict):
            raise ValueError(f"a tool that is no object: {quoted(entry)}")
        bare = "function" not in entry and "name" in entry
        tool = {"type": "function", "function": entry} if bare else entry
        function = tool.get("function")
        if isinstance(function, dict) and function.get("parameters", {}) is None:
            tool = tool | {"function": {k: v for k, v in function.items() if k != "parameters"}}
        yield tool


# --- schemas --------------------------------------------------------------------------------------

MOST_PARTS = 64  # that are looked at


class Shape(NamedTuple):
    """A schema of arguments with all that it refers to or is made of, as far as it is looked at."""

    parts: list[dict[str, Any]]
    root: Any  # the whole schema

    @classmethod
    def of(cls, schema: Any, root: Any) -> "Shape":
        schemas, left = list[dict[str, Any]](), [schema]
        while left and len(schemas) < MOST_PARTS:
            schema_part = left.pop(0)
            if isinstance(schema_part, dict) and not any(schema_part is part for part in schemas):
                schemas.append(schema_part)
                branches = [schema_part.get(word) for word in ("allOf", "anyOf", "oneOf")]
                left += [part for parts in branches if isinstance(parts, list) for part in parts]
                left.append(target(root, schema_part.get("$ref")))
        return cls(schemas, root)

    def said(self, word: str, kind: type) -> list[Any]:
        """What its parts say under a word, where that is of a kind."""
        return [part[word] for part in self.parts if isinstance(part.get(word), kind)]

    @property
    def types(self) -> set[str]:
        told = [
            *self.said("type", str),
            *(kind for kinds in self.said("type", list) for kind in kinds),
        ]
        return {kind for kind in told if isinstance(kind, str)}

    @property
    def properties(self) -> dict[str, Any]:
        return {
            key: schema
            for members in self.said("properties", dict)
            for key, schema in members.items()
        }

    def within(self, word: str) -> "Shape":
        """Of an object's other values, or of a list's items."""
        return Shape.of(next(iter(self.said(word, dict)), {}), self.root)


def target(root: Any, reference: object) -> Any:
    """What a reference within a schema leads to, if to anything."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    for step in reference.split("/")[1:]:
        root = root.get(step) if isinstance(root, dict) else None
    return root
