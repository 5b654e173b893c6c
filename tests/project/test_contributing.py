"""The tour of the house leads to rooms that are there."""

import ast
import re
from itertools import pairwise

import pytest

from incumbent.code import PACKAGES
from tests.conftest import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
STEPS = re.findall(r"`([a-z_/]+\.py): (\w+)`((?:, `\w+`)*)", TEXT)


PATHS = set(re.findall(r"`((?:[a-z_]+/)+[\w.]*)`", TEXT))


@pytest.mark.parametrize("path", sorted(p for p in PATHS if not p.startswith("outputs/")))
def test_every_path_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("file", "first", "more"), STEPS)
def test_every_step_of_a_way_is_a_function_or_class_of_its_file(
    file: str, first: str, more: str
) -> None:
    nodes = ast.parse((ROOT / file).read_text()).body
    named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    there = {n.name for n in nodes if isinstance(n, named)}
    assert {first, *re.findall(r"\w+", more)} <= there


def test_every_folder_is_on_the_map() -> None:
    folders = {
        f"{file.parent.relative_to(ROOT).as_posix()}/"
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
    }
    deeper = {folder for folder in folders if "migrations" in folder}
    assert set(re.findall(r"^\| \d? ?\| `([a-z_/]+)` \|", TEXT, re.MULTILINE)) == folders - deeper


def test_the_ways_are_told() -> None:
    files = [file for file, _, _ in STEPS]
    assert len(files) > 30
    assert all(a != b for a, b in pairwise(files))  # a step to another file, each time
