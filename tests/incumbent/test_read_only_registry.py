"""Whoever may read a registry and not write to it can ask it everything, and change nothing."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from evaluation.decision.policy import Policy
from evaluation.decision.rule import rule
from evaluation.decision.score_evidence import weigh
from registry.store import Registry
from tests.conftest import ROOT
from tests.evaluation.test_decision import BETTER, EQUAL, table
from tests.incumbent.test_light_core import COMMAND, COMMANDS
from tests.places import submit

# Root may write anywhere, but for this.
POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] * (os.getuid() == 0)
READING = [
    "status",
    "registry versions",
    "registry show 1",
    "history",
    "registry verify",
    "registry why 1",
    "registry export 1 --to {to}/copy",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The state of a project with one version that was decided on; closed, as after a verb."""
    Path("params.yaml").write_text("registry:\n  family: test\n")
    with Registry.here() as registry:
        version = submit(registry, "a", tmp_path / "adapters")
        evidence = weigh(table(BETTER), Policy(), dev=table(EQUAL))
        registry.record_decision(version.number, rule(evidence, Policy(), None), evidence, Policy())
    return tmp_path / "home"


def file_of(home: Path) -> Path:
    return home / "registry" / "registry.db"


def fix(folder: Path, *, writable: bool = False) -> None:
    """Take every right to write away below a folder, or give it back."""
    for place in (folder, *folder.rglob("*")):
        place.chmod(place.stat().st_mode | 0o200 if writable else place.stat().st_mode & ~0o222)


def run(verb: str) -> subprocess.CompletedProcess[str]:
    """Run a verb as somebody whose rights count."""
    return as_who_may_not_write(COMMAND, *verb.split())


def as_who_may_not_write(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*POWERLESS, sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def ends(verbs: Iterable[str]) -> list[tuple[int, str]]:
    """The exit code of each, and what it says on stderr."""
    done = as_who_may_not_write(COMMANDS, json.dumps([verb.split() for verb in verbs]))
    return [
        (code, " ".join(error.split())) for code, error in map(json.loads, done.stdout.splitlines())
    ]


def test_verbs_that_read_need_no_right_to_write(home: Path, tmp_path: Path) -> None:
    fix(home)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    assert ends(verb.format(to=tmp_path) for verb in READING) == [(0, "")] * len(READING)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_a_writing_verb_says_that_it_cannot(home: Path) -> None:
    fix(home)
    told = "could not be written, and nothing was changed: attempt to write a readonly"
    for code, error in ends(["registry alias best --to 1", "registry reject 1 --reason no"]):
        assert (code, told in error) == (1, True), error
    fix(home, writable=True)
    with Registry.here() as registry:
        assert [event.kind for event in registry.history()] == ["submit", "decide"]


def test_what_was_committed_a_moment_ago_is_read_while_others_write(home: Path) -> None:
    with Registry.here() as registry:
        registry.point("best", 1, "named first", expected=None)
        assert Path(f"{file_of(home)}-shm").exists()
        fix(home)
        assert "named first" in run("history").stdout
        fix(home, writable=True)
        registry.point("last", 1, "named later", expected=None)
        fix(home)
        assert "named later" in run("history").stdout


def test_what_a_writer_that_died_committed_is_read_too(home: Path, tmp_path: Path) -> None:
    """Its log still holds that, and nobody may fold it into the file."""
    with Registry.here() as registry:
        registry.point("best", 1, "named first", expected=None)
        for part in (file_of(home), Path(f"{file_of(home)}-wal")):
            shutil.copy(part, tmp_path)
    for part in tmp_path.glob("registry.db*"):
        shutil.copy(part, home / "registry")
    fix(home)
    assert "named first" in run("history").stdout


def test_an_old_schema_that_cannot_be_brought_up_to_date_says_so(home: Path) -> None:
    with sqlite3.connect(file_of(home)) as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
    fix(home)
    done = run("status")
    assert done.returncode == 1
    assert "schema is 0000, this version of Incumbent needs" in done.stderr.replace("\n", " ")
    assert "cannot be written to" in done.stderr.replace("\n", " ")
