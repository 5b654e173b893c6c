"""No pattern takes more than linear time for one attempt, whatever text somebody sends."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import pytest

from tests.conftest import ROOT
from tests.pattern_steps import Attacked

PACKAGES = (
    *("curation", "evaluation", "incumbent", "monitoring", "project"),
    *("registry", "retrieval", "review", "serving", "training"),
)
ASKED = {"match", "fullmatch", "search", "findall", "finditer", "split", "sub", "compile"}


@cache
def sources() -> dict[str, str]:
    """The text of each of our modules in which there is a pattern."""
    files = (file for name in PACKAGES for file in sorted((ROOT / name).rglob("*.py")))
    texts = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    found = {name: file.read_text() for name, file in texts.items()}
    return {name: text for name, text in found.items() if re.search(r"\bre\.\w+\(", text)}


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern of ours with its name: those of modules, and those that stand in functions."""
    for module, text in sources().items():
        for name, value in vars(import_module(module)).items():
            yield from ((f"{module}.{name}", found) for found in held(value))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{w}" for w in ASKED}:
                given = node.args[0]
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    where = ast.unparse(node.func).removeprefix("re.")
                    yield f"{module}:{node.lineno} {where}", re.compile(given.value)


def held(value: object) -> Iterator[re.Pattern[str]]:
    """The patterns in a value of a module."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, dict):
        yield from held(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from held(inner)


@cache
def asked_for_whole_texts() -> set[str]:
    """The names of patterns that have to match a whole text."""
    used = re.compile(r"\b(\w+)\.fullmatch\b")
    return {name for text in sources().values() for name in used.findall(text)}


def is_asked_for_whole_texts(name: str) -> bool:
    return name.endswith(" fullmatch") or name.rpartition(".")[2] in asked_for_whole_texts()


@pytest.mark.attack
def test_one_attempt_of_each_pattern_takes_linear_time() -> None:
    found = {(one.pattern, one.flags): (name, one) for name, one in patterns()}
    assert len(found) > 350
    attacked = {
        name: Attacked(one).super_linear(is_asked_for_whole_texts(name))
        for name, one in found.values()
    }
    assert {name: attack for name, attack in attacked.items() if attack} == {}


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<name>\S.*?)[\s,:]+(?P<items>\d{1,6})",  # that stood in the form that names voters
        r"(a+)+b",
        r"(a|a)*b",
        r"(?:a*)*b",
        r"\s*\s*x",
        r"<!--.*?-->.*?end",
        r"([a-z]+,?)*!",
        r"(\w+\s?)+:",
    ],
)
def test_a_pattern_that_takes_longer_is_found(pattern: str) -> None:
    assert Attacked(re.compile(pattern)).super_linear(whole=True)


@pytest.mark.parametrize(
    "pattern", [r"a+b", r"(?:ab)+c", r"\w+\s+\w+!", r"a++a*+b", r"\b\w+\b\w*!", r"(?:x\d{0,9})*y"]
)
def test_a_pattern_that_does_not_is_left_alone(pattern: str) -> None:
    assert Attacked(re.compile(pattern)).super_linear(whole=True) is None
