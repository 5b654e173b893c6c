"""Which version a project's files are of: params.yaml says it, and so does dvc.yaml."""

from pathlib import Path

import yaml

from project.errors import InputError

VERSION = 2  # what this Incumbent makes, and what it brings an older project to
FIRST = 1  # of a project that names none
KEY = "version"  # of params.yaml
PIPELINE = "dvc.yaml"
PIPELINE_KEY = "pipeline_version"  # of dvc.yaml, in the list `vars`: DVC allows it nowhere else


def settings_version(root: yaml.Node | None, file: Path) -> int:
    """What params.yaml says. Raises InputError for what is no version, and for a newer one."""
    return stated(below(root, KEY), KEY, file)


def pipeline_version(root: yaml.Node | None, file: Path) -> int:
    """What dvc.yaml says. Raises InputError for what is no version, and for a newer one."""
    return stated(variable(root, PIPELINE_KEY), PIPELINE_KEY, file)


def variable(root: yaml.Node | None, name: str) -> yaml.Node | None:
    """The value of one of dvc.yaml's variables."""
    listed = below(root, "vars")
    entries = listed.value if isinstance(listed, yaml.SequenceNode) else []
    return next((found for one in entries if (found := below(one, name))), None)


def below(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def stated(node: yaml.Node | None, key: str, file: Path) -> int:
    if node is None:
        return FIRST
    line = node.start_mark.line + 1
    if not (isinstance(node, yaml.ScalarNode) and node.value.isdecimal() and int(node.value)):
        problem = f"must be a whole number, {VERSION} in a new project"
        raise InputError(problem, file=file, line=line, field=key)
    if int(node.value) > VERSION:
        problem = f"is {node.value}, and this Incumbent knows {VERSION}: "
        problem += "the project was made by a newer Incumbent: install that one"
        raise InputError(problem, file=file, line=line, field=key)
    return int(node.value)


def upgrade_advice(version: int) -> str:
    """What is to be done with an older project."""
    return (
        f"this project is of version {version}, made by an older Incumbent: "
        f"`incumbent project upgrade` brings it to version {VERSION}"
    )
