"""A submitted version is sent to where others fetch it, or a line says what is missing there."""

import shutil
from pathlib import Path

import pytest
import yaml

from incumbent.reproducing.rows_check import push_version
from tests.incumbent.shared_project import FAMILY, REMOTE, git, lay_out, submit

TAG = "refs/tags/incumbent/bank/v1"


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository that the project in the current folder is pushed to."""
    folder = tmp_path / "team" / "project"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    lay_out()
    bare = tmp_path / "origin.git"
    git("init", "-q", "--bare", str(bare))
    git("remote", "add", "origin", str(bare))
    return bare


def settle(*, push_versions: bool) -> None:
    settings = {"registry": {"family": FAMILY, "push_versions": push_versions}}
    Path("params.yaml").write_text(yaml.safe_dump(settings))


def at_remote() -> int:
    return sum(path.is_file() for path in Path(f"../{REMOTE}").rglob("*"))


def test_nothing_is_sent_unless_the_settings_ask_for_it(origin: Path) -> None:
    """The project has remotes for other ends."""
    settle(push_versions=False)
    git("tag", "incumbent/bank/v1")
    assert push_version(FAMILY) == ()
    assert (at_remote(), git("ls-remote", "origin")) == (0, "")


@pytest.mark.slow
def test_its_rows_go_to_dvcs_remote_and_its_tag_to_gits_and_no_branch_moves(origin: Path) -> None:
    settle(push_versions=True)
    submit("a", "first")
    assert push_version(FAMILY) == ()
    assert at_remote() == 3  # two files, and the list of them
    (line,) = git("ls-remote", "origin").splitlines()
    assert line.endswith(TAG)


@pytest.mark.slow
def test_a_push_that_fails_is_told_with_its_command_and_the_next_one_sends_it_too(
    origin: Path,
) -> None:
    settle(push_versions=True)
    submit("a", "first")
    away = origin.rename(origin.with_name("away.git"))
    Path(f"../{REMOTE}").write_text("no folder")
    rows, tag = push_version(FAMILY)
    assert rows.startswith("its rows are not at DVC's remote yet (") and rows.endswith("`dvc push`")
    assert tag.startswith("its tag is not at git's origin yet (git push: ")
    assert tag.endswith("`git push origin 'refs/tags/incumbent/bank/*:refs/tags/incumbent/bank/*'`")
    away.rename(origin)
    Path(f"../{REMOTE}").unlink()
    assert push_version(FAMILY) == ()
    assert git("ls-remote", "origin").splitlines()[0].endswith(TAG)


def test_without_a_remote_of_dvc_the_rows_are_said_to_be_here_alone(origin: Path) -> None:
    settle(push_versions=True)
    shutil.rmtree(".dvc")
    git("remote", "remove", "origin")
    (problem,) = push_version(FAMILY)
    assert "on this machine alone, for DVC has no default remote" in problem
