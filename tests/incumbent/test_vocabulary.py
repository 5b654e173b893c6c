"""What people read is in their field's words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from incumbent.cli import app
from incumbent.command_tree import tree

ROOT = Path(__file__).parents[2]
# The motto, and a name that is stored.
KEPT = re.compile("An adapter holds the seat only while it wins|`opening`")
OLD = re.compile(
    r"\b(?:exams?|examined|seat(?:s|ed)?|openings?|rechalleng\w*|twins?|strangers?|contests?"
    r"|tolerances?|grounds|fixed reference)\b",
    re.IGNORECASE,
)
PACKAGES = [
    path.parent for path in sorted(ROOT.glob("*/__init__.py")) if path.parent.name != "tests"
]
# What must stay as it was written: stored names, applied migrations.
FROZEN = ("project/records/events.py", "registry/storage/")
PAGES = ("README.md", "docs/**/*.md", "deploy/*.md", "datasets/*/*.md", "[!.]*/**/templates/*.*")


def helps() -> Iterator[tuple[str, str]]:
    """The help of every group and verb."""
    for path in ((), *(path for path, _ in tree(get_command(app)))):
        yield f"incumbent {' '.join(path)}", CliRunner().invoke(app, [*path, "--help"]).stdout


def pages() -> Iterator[tuple[str, str]]:
    """Every page of the documentation, and every template, without what Jinja evaluates."""
    for pattern in PAGES:
        for path in ROOT.glob(pattern):
            yield str(path.relative_to(ROOT)), re.sub(r"\{[{%].*?[%}]\}", "", path.read_text())


def sentences() -> Iterator[tuple[str, str]]:
    """Every string of several words in the code: messages, help, docstrings."""
    for package in PACKAGES:
        for path in package.rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if not name.startswith(FROZEN):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Constant) and " " in str(node.value):
                        yield f"{name}:{node.lineno}", str(node.value)


@pytest.mark.parametrize("texts", [helps(), pages(), sentences()])
def test_people_read_their_fields_words(texts: Iterator[tuple[str, str]]) -> None:
    found = {place: OLD.findall(KEPT.sub("", text)) for place, text in texts}
    assert len(found) > 10
    assert {place: words for place, words in found.items() if words} == {}
