"""The sample task is read from source files alone."""

import sys
from pathlib import Path

import pytest

from curation.sources.python_api import read_package
from project.errors import InputError

MODULE = '''
import a_package_that_does_not_exist

def scale(x, factor: float = 2.0, *, copy=True):
    """Multiply every element of x
    by a factor.

    More words that are left out.
    """

def _private(x):
    """Do something that nobody calls from outside."""

def bare(x):
    return x

def terse(x):
    """Short."""

class Scaler:
    """Scales arrays by a factor that it has learnt."""

    def __init__(self, factor=1):
        pass

    def fit(self, X, y=None):
        """Learn the factor from the rows of X."""

    @property
    def factor(self):
        """The factor that was learnt last."""
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    files = {
        "__init__.py": "from toys._core.scaling import Scaler, scale",
        "_core/scaling.py": MODULE,
        "_core/__init__.py": "",
        "_inner.py": 'def hidden(x):\n    """Do something that nobody exports."""\n',
        "tests/test_scaling.py": MODULE,
    }
    for name, text in files.items():
        (tmp_path / "toys" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "toys" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return "toys"


def test_it_finds_documented_public_functions_classes_and_methods(package: str) -> None:
    rows = list(read_package(package))
    assert [row.completion_text for row in rows] == [
        "Multiply every element of x by a factor.",
        "Scales arrays by a factor that it has learnt.",
        "Learn the factor from the rows of X.",
    ]


def test_a_prompt_holds_the_public_name_and_the_signature(package: str) -> None:
    scale, scaler, fit = read_package(package)
    assert scale.prompt_text.endswith("toys.scaling.scale(x, factor: float=2.0, *, copy=True)")
    assert scaler.prompt_text.endswith("toys.scaling.Scaler(factor=1)")
    assert fit.prompt_text.endswith("toys.scaling.Scaler.fit(X, y=None)")


def test_methods_of_one_name_are_one_group(package: str) -> None:
    assert [row.group for row in read_package(package)] == ["scale", "scaler", "fit"]


def test_nothing_is_imported(package: str) -> None:
    list(read_package(package))
    assert package not in sys.modules


def test_the_same_files_give_the_same_rows(package: str) -> None:
    assert list(read_package(package)) == list(read_package(package))


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(InputError, match="'no_such_package' is not installed"):
        list(read_package("no_such_package"))
