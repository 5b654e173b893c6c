"""Settings from params.yaml: a frozen model for each section, unknown keys refused by line."""

import json
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from registry.errors import InputError
from registry.records import Record, read_input

PARAMS = Path("params.yaml")


class Settings(Record):
    """A section of params.yaml. Its digest changes exactly when a value does."""


S = TypeVar("S", bound=Settings)


def load(model: type[S], section: str = "", path: Path = PARAMS) -> S:
    """Read a YAML file, or one dotted section of it; a missing section means the defaults.

    Raises InputError naming file, line and field.
    """
    node = parse(path)
    steps = section.split(".") if section else []
    for step in steps:
        node = child(node, step) if node else None
    value = yaml.SafeLoader("").construct_document(node) if node else {}
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors()[0]
        line, inner = place(node, [str(part) for part in first["loc"]])
        field = ".".join([*steps, *inner])
        raise InputError(first["msg"], file=path, line=line, field=field) from None


def parse(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(read_input(path), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(error.problem or "not YAML", file=path, line=line) from None


def child(node: yaml.Node, key: str) -> yaml.Node | None:
    """The value under a key of a mapping or an index of a list; None when there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdigit():
        return node.value[int(key)] if int(key) < len(node.value) else None
    return None


def place(node: yaml.Node | None, steps: list[str]) -> tuple[int | None, list[str]]:
    """The line of the deepest step that the file has, and the steps that name a key.

    A step that the file lacks is the last one, a missing key, or pydantic's tag of a union.
    """
    named = []
    for i, step in enumerate(steps):
        inner = child(node, step) if node else None
        node = inner or node
        if inner or i == len(steps) - 1:
            named.append(step)
    return (node.start_mark.line + 1 if node else None), named
