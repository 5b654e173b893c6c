"""Libraries keep their caches in the project where the user's home cannot be written to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from project import libraries
from project.libraries import CACHES, allow_downloads, caches, can_hold_files
from tests.conftest import ROOT

SCORE = """
from evaluation.metrics.token_f1 import TokenF1
print(TokenF1().compute(predictions=["yes"], references=["yes"]))
"""


@pytest.fixture
def home_of(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_home_that_can_be_written_to_is_used(home_of: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home_of.setenv("HOME", str(tmp_path))
    assert caches() == {}


@pytest.mark.parametrize("home", ["/dev/null", "/dev/null/below"])
def test_without_such_a_home_caches_are_the_projects(
    home_of: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    home_of.setenv("HOME", home)
    home_of.setenv("INCUMBENT_HOME", str(tmp_path / "state"))
    found = caches()
    assert found.keys() >= CACHES.keys()
    assert all(Path(place).is_relative_to(tmp_path / "state") for place in found.values())


def test_dvc_writes_to_the_project_where_the_root_is_read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(libraries, "DVC_SITE_CACHE", "/dev/null/dvc")
    monkeypatch.setenv("INCUMBENT_HOME", str(tmp_path))
    assert caches()["DVC_SITE_CACHE_DIR"] == str(tmp_path / "cache" / "dvc")


def test_a_user_id_without_a_name_has_no_home(home_of: pytest.MonkeyPatch) -> None:
    assert not can_hold_files("~nobody-of-that-name/.cache")


def test_the_hub_may_be_asked_where_its_library_was_imported_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(libraries, "CHOSEN_BY_USER", frozenset())
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    allow_downloads()
    assert not constants.is_offline_mode()


@pytest.mark.slow
def test_answers_are_scored_where_no_home_can_be_written_to(tmp_path: Path) -> None:
    """As in the service: a file stands where the home would be, which stops root too."""
    own = {"HOME": "/dev/null/home", "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCORE], env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "[1.0]" in done.stdout
    assert Path(".incumbent/cache").is_dir()


LEFT_OVER = """
import project.libraries
{settle}
class Ring:
    def __del__(self):
        print("looked at")
ring = Ring()
ring.itself = ring
del ring
"""


@pytest.mark.parametrize(
    ("settle", "told"),
    [
        ("", "looked at\n"),
        ("project.libraries.settle()", ""),
        ("project.libraries.settle(); import sys; sys.modules['triton'] = sys", "looked at\n"),
    ],
)
def test_a_process_that_ends_looks_for_no_garbage(settle: str, told: str) -> None:
    """A third of the time of a process that imports torch and little more."""
    script = LEFT_OVER.format(settle=settle)
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, told), ended.stderr
