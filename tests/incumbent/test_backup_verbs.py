"""`incumbent registry backup` and `restore` as people and cron type them."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from project.object_stores import without_secrets
from project.records.events import Restored
from registry.store import Registry
from tests.conftest import ROOT
from tests.incumbent.tiny_project import exit_code
from tests.registries import make


@pytest.fixture(autouse=True)
def project(isolate: Path) -> Path:
    """A project whose decisions were made by the rule, and so can be made again."""
    Path("params.yaml").write_text("registry: {family: test}\n")
    shutil.copytree(make.ROOT / "0.1.0", isolate / "home" / "registry")
    return isolate


def move_away(project: Path) -> Path:
    return (project / "home" / "registry").rename(project / "old")


def test_a_registry_is_backed_up_lost_and_restored(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("registry", "backup", "--to", "backups/archive.tar") == 0
    assert "backups/archive.tar: 43 events, 7 versions, " in capsys.readouterr().out
    move_away(project)
    assert exit_code("registry", "restore", "backups/archive.tar") == 0
    said = capsys.readouterr().out
    assert "restored: 43 events, 7 versions" in said
    assert "it verifies: chain, tables, artifacts, and every decision made again" in said
    assert exit_code("registry", "verify") == 0
    with Registry.here() as registry:
        assert registry.history()[-1].told(Restored).events == 43


def test_in_a_project_of_another_family_it_says_whose_versions_came(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("registry", "backup", "--to", "archive.tar")
    move_away(project)
    Path("params.yaml").write_text("registry: {family: other}\n")
    assert exit_code("registry", "restore", "archive.tar") == 0
    said = capsys.readouterr().out
    assert "registry.family of params.yaml is other, and these versions are of test" in said


def test_as_json_it_says_what_is_in_the_archive(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code("registry", "backup", "--to", "archive.tar", "--json")
    made = json.loads(capsys.readouterr().out)
    move_away(project)
    exit_code("registry", "restore", "archive.tar", "--json")
    assert json.loads(capsys.readouterr().out) == made | {"problems": []}
    assert made["events"] == 43


def test_what_the_archive_lacks_is_said_and_ends_with_1(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Registry.here() as registry:
        version = registry.version(1)
        registry.artifacts.blobs.write(version.adapter.files, b"damaged")
    assert exit_code("registry", "backup", "--to", "archive.tar") == 1
    assert "is damaged" in capsys.readouterr().err
    assert exit_code("registry", "backup", "--to", "archive.tar", "--without-damaged") == 0
    left_out = f"damaged or missing: 1 artifact, {version.adapter.files[:12]}"
    assert left_out in capsys.readouterr().out
    move_away(project)
    assert exit_code("registry", "restore", "archive.tar") == 1
    said = capsys.readouterr().out
    assert left_out in said
    assert "test v1: artifact" in said
    assert "what was restored stays, and does not verify" in said


WRONG = [
    (("registry", "backup", "--to", "home"), 2, "home: is a folder: name a file in it"),
    (("registry", "backup", "--to", "params.yaml"), 2, "params.yaml: is there already"),
    (("registry", "backup", "--to", "params.yaml/x"), 1, "params.yaml/x could not be written"),
    (("registry", "backup", "--to", "pigeon://x"), 2, "cannot open pigeon://x: "),
    (("registry", "backup", "--to", "ftp://127.0.0.1:9/x"), 2, "cannot open ftp://127.0.0.1:9/x: "),
    (("registry", "backup", "--to", "http://127.0.0.1:9/x"), 2, "is of a kind that cannot do so"),
    (("registry", "restore", "params.yaml"), 2, "is no archive of `incumbent registry backup`"),
    (("registry", "restore", "nothing.tar"), 2, "nothing.tar: No such file or directory"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"), WRONG, ids=[" ".join(typed) for typed, *_ in WRONG]
)
def test_a_wrong_guess_is_answered_in_a_line(
    arguments: tuple[str, ...], code: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == code
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1


NO_ARCHIVE = {
    "params.yaml": "is no archive of `incumbent registry backup`",
    "nothing.tar": "No such file or directory",
    "home": "is a folder: name an archive in it",
    "pigeon://x": "cannot open pigeon://x: ",
    "http://ann:secret@127.0.0.1:9/x": "there is no such file, or it cannot be read from here",
}


@pytest.mark.parametrize("name", NO_ARCHIVE)
def test_what_is_no_archive_leaves_the_registry_empty(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    move_away(project)
    assert exit_code("registry", "restore", name) == 2
    said = capsys.readouterr().err
    assert without_secrets(name) in said and NO_ARCHIVE[name] in said and "ann:" not in said
    with Registry.here() as registry:
        assert registry.history() == []


def test_secrets_of_an_address_are_not_shown() -> None:
    assert without_secrets("sftp://me:word@host/a.tar?token=x#y") == "sftp://host/a.tar"
    assert without_secrets("backups/me@host.tar") == "backups/me@host.tar"


SLOW = """
import os, signal, sys
from incumbent.cli import main
from registry.storage.artifact_store import Artifacts

def stopped(*_):
    os.kill(os.getpid(), signal.{signal})
    yield b""

Artifacts.pieces = stopped
sys.argv = ["incumbent", "registry", "backup", "--to", "archive.tar"]
main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_backup_leaves_nothing(name: str, code: int, project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLOW.replace("{signal}", name)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        # A background job of a shell is started with SIGINT ignored; a person's command is not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = "interrupted: no archive is written; run it again"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (code, said)
    assert sorted(path.name for path in project.iterdir()) == ["home", "params.yaml"]
