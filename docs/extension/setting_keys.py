"""Every key of params.yaml, as its model declares it: type, limits, default, and its comment."""

import ast
import io
import json
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any

from incumbent.verbs.upgrade import fields_of, own_settings, parts_of
from project.settings import SECTIONS, Settings, model_of

BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
KINDS = {"integer": "whole number", "string": "text", "boolean": "true or false"}


@dataclass(frozen=True)
class Key:
    """A key, by its whole name."""

    name: str
    kind: str
    default: str  # as YAML has it; empty where the key has to be given
    about: str


@dataclass(frozen=True)
class Part:
    """A model's keys: a section, or what one of its keys holds."""

    name: str
    about: str
    keys: tuple[Key, ...]


def parts_of_section(section: str) -> Iterator[Part]:
    """The section, and below it what its keys hold, at any depth."""
    yield from parts(model_of(section), section)


def parts(model: type[Settings], name: str) -> Iterator[Part]:
    yield Part(name, cleandoc(model.__doc__ or ""), tuple(keys_of(model, name)))
    for field, info in model.model_fields.items():
        for inner in parts_of(info.annotation):
            yield from parts(inner, f"{name}.{field}")


def keys_of(model: type[Settings], name: str) -> Iterator[Key]:
    schema = model.model_json_schema()
    required, comments = schema.get("required", ()), comments_of(model)
    for field, about in schema["properties"].items():
        default = "" if field in required else as_yaml(about.get("default"))
        own = next(parts_of(model.model_fields[field].annotation), None)
        told = comments.get(field) or (cleandoc(own.__doc__ or "") if own else "")
        yield Key(f"{name}.{field}", kind_of(about), default, told)


def as_yaml(value: object) -> str:
    """A default on one line; that of a whole model stands with the model's own keys."""
    text = json.dumps(value, ensure_ascii=False)
    return "its own defaults" if isinstance(value, dict) and value else text


def kind_of(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words, such as “whole number, ≥ 1, or null”."""
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(map(kind_of, options)))
    if "$ref" in schema:
        return "any" if schema["$ref"].endswith("JsonValue") else "keys of its own"
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{json_word(one)}`" for one in schema.get("enum", [schema.get("const")]))
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return f"names, each with {kind_of(schema.get('additionalProperties', {}))}"
    kind = schema.get("format") or schema.get("type") or "any"
    bounds = (f"{sign} {schema[name]:g}" for name, sign in BOUNDS.items() if name in schema)
    return " ".join([KINDS.get(kind, kind), *bounds])


def json_word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def comments_of(model: type[Settings]) -> dict[str, str]:
    """What is written above a field and behind it, of the model and of those it inherits from."""
    found: dict[str, str] = {}
    for declared in reversed([kind for kind in model.__mro__ if own_settings(kind)]):
        found |= comments_in(fields_of(declared))
    return found


def comments_in(source: str) -> dict[str, str]:
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (declared,) = ast.parse(source).body
    assert isinstance(declared, ast.ClassDef)
    fields = [node for node in declared.body if isinstance(node, ast.AnnAssign)]
    busy = {line for node in declared.body for line in lines_of(node)}
    found = {ast.unparse(node.target): told(node, comments, busy) for node in fields}
    return {name: text for name, text in found.items() if text}  # else what is inherited stays


def told(field: ast.AnnAssign, comments: dict[int, str], busy: set[int]) -> str:
    first = field.lineno
    while first - 1 in comments and first - 1 not in busy:
        first -= 1
    lines = range(first, (field.end_lineno or field.lineno) + 1)
    return " ".join(comments[line] for line in lines if line in comments)


def lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


@cache
def every_key() -> frozenset[str]:
    """The whole names of all keys, and of the sections and parts that hold them."""
    found = [part for section in SECTIONS for part in parts_of_section(section)]
    return frozenset(
        {part.name for part in found} | {key.name for part in found for key in part.keys}
    )
