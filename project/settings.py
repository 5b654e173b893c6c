"""Settings from params.yaml: a frozen model for each section, unknown keys refused by line."""

import json
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from project.errors import InputError
from project.records.record import Record, read_input

PARAMS = Path("params.yaml")

Sections = dict[str, "Sections"]
SECTIONS: Sections = {
    "base": {},
    "embedder": {},
    "curation": {"collect": {}, "curate": {}, "validate": {}},
    "training": {},
    "evaluation": {
        "decoding": {},
        "few_shot": {},
        "prices": {},
        "scoring": {},
        "preference": {},
        "policy": {},
    },
    "monitoring": {"traffic": {}, "drift": {}, "trigger": {}, "schedule": {}, "notices": {}},
    "registry": {},
}


class Settings(Record):
    """A section of params.yaml. Its digest changes exactly when a value does."""


S = TypeVar("S", bound=Settings)


def load(model: type[S], section: str = "", path: Path = PARAMS) -> S:
    """Read a YAML file, or one dotted section of it; a missing section means the defaults.

    Raises InputError naming file, line and field.
    """
    node = parse(path)
    steps = section.split(".") if section else []
    known = SECTIONS
    for step in steps:
        refuse_unknown(node, known, path)
        node, known = (child(node, step) if node else None), known[step]
    try:
        value = yaml.SafeLoader("").construct_document(node) if node else None
        return model.model_validate_json(json.dumps({} if value is None else value, default=str))
    except yaml.MarkedYAMLError as error:
        raise InputError(str(error.problem), file=path, line=place(node, [])[0]) from None
    except ValidationError as error:
        first = error.errors()[0]
        line, inner = place(node, [str(part) for part in first["loc"]])
        field = ".".join([*steps, *inner])
        raise InputError(first["msg"], file=path, line=line, field=field) from None


def refuse_unknown(node: yaml.Node | None, known: Sections, path: Path) -> None:
    """Raise InputError for a section that nobody reads: a slip that would mean the defaults."""
    line = node.start_mark.line + 1 if node else None
    if node and not isinstance(node, yaml.MappingNode):
        if node.value:
            raise InputError("must hold sections", file=path, line=line)
        return
    for name, _ in node.value if node else ():
        if name.value not in known:
            problem = f"no such section; there are {', '.join(known)}"
            place = name.start_mark.line + 1
            raise InputError(problem, file=path, line=place, field=str(name.value))


def parse(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(read_input(path), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(error.problem or "not YAML", file=path, line=line) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"not YAML: {error}", file=path) from None


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
