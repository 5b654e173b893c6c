"""What benchmarks and examples import of ours is there: no other test runs them."""

import ast
from pathlib import Path

import pytest

from incumbent.pipeline import PACKAGES
from tests.conftest import ROOT

SCRIPTS = [file for folder in ("benchmarks", "examples") for file in (ROOT / folder).glob("*.py")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_a_script_imports_of_ours_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_bytes())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGES):
            there = names_in(ROOT / str(node.module).replace(".", "/"))
            missing = {alias.name for alias in node.names} - there
            assert not missing, f"{node.module} has no {sorted(missing)}"


def names_in(place: Path) -> set[str]:
    """What a module or package has, by its file: definitions, imports, and the modules in it."""
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    within = {path.stem for path in place.iterdir()} if place.is_dir() else set[str]()
    return within | {name for node in ast.parse(file.read_bytes()).body for name in names_of(node)}


def names_of(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
        case ast.Assign() | ast.AnnAssign():
            return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        case ast.If(body=body):
            return {name for inner in body for name in names_of(inner)}
    return set()
