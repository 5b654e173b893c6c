"""One name has one meaning: no class and no file of the product is called as another one is."""

import ast
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.project.test_import_graph import modules

# The name that Python gives to the file of a package.
CONVENTION = {"__init__.py"}
FILES = [file for file in modules().values() if "migrations" not in file.parts]
# Names that functions of several modules have, such as `main` of the stages. They become fewer.
MOST_SHARED = 646
# Words that any function, or any local, could be called by.
EMPTY = {"said", "asked", "told", "found", "door"}
EMPTY_LOCALS = {"found", "one", "own", "said"}

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def repeated(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}


def defined(*kinds: type[Definition]) -> list[str]:
    """The names that modules of the product define at their top, one for each definition."""
    trees = (ast.parse(file.read_text()) for file in FILES)
    return [node.name for tree in trees for node in tree.body if isinstance(node, kinds)]


def locals_of(file: Path) -> set[str]:
    """What functions of a file name, parameters aside."""
    functions = (
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, FUNCTION)
    )
    return {
        node.id
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def test_no_file_is_called_as_another_one() -> None:
    assert len(FILES) > 100
    assert repeated(file.name for file in FILES) == CONVENTION


def test_no_class_is_called_as_another_one() -> None:
    assert repeated(defined(ast.ClassDef)) == set()


def test_functions_do_not_come_to_share_more_names() -> None:
    names = defined(*FUNCTION)
    shared = repeated(names)
    assert EMPTY.isdisjoint(names)
    assert len(shared) <= MOST_SHARED, sorted(shared)


def test_locals_are_called_after_what_they_hold() -> None:
    empty = {str(file): EMPTY_LOCALS & locals_of(file) for file in FILES}
    assert {file: names for file, names in empty.items() if names} == {}
