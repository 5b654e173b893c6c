"""Who imports whom: no module leads back to itself, wherever in a file an import stands."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from incumbent.code import PACKAGES
from tests.conftest import ROOT

VERBS = "incumbent.verbs."


@cache
def modules() -> dict[str, Path]:
    files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return {name_of(file): file for file in files}


def name_of(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imported_by(file: Path) -> Iterator[str]:
    """Imports for types, and those inside functions, are imports too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in modules() else node.module for name in names)


@cache
def graph() -> dict[str, set[str]]:
    return {name: {*imported_by(file)} & modules().keys() for name, file in modules().items()}


def test_no_module_leads_back_to_itself() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


def test_no_verb_imports_a_verb() -> None:
    found = {
        name: verbs
        for name, imports in graph().items()
        if name.startswith(VERBS) and (verbs := {one for one in imports if one.startswith(VERBS)})
    }
    assert found == {}
