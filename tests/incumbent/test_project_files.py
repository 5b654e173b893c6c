"""A project begins with the files of the sample project, each of which exists once."""

import re
import subprocess
from pathlib import Path

import pytest

from incumbent.project_files import EMPTY, copy_project, project_files
from project.errors import InputError
from tests.conftest import ROOT


def git_files(*paths: str) -> set[str]:
    """Those that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in names.splitlines() if (ROOT / name).exists()}


def files_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_sample_is_written_byte_for_byte_and_no_file_is_forgotten() -> None:
    """A new file of the sample project wants a link in incumbent/sample-project/, if only there."""
    copy_project(Path("new"), sample=True)
    names = git_files("dvc.yaml", "params.yaml", ".gitignore", ".dvcignore", "datasets")
    names.discard("datasets/.gitignore")  # the sample's looks are no project's
    assert files_in(Path("new")) == {
        name: b"" if name in EMPTY else (ROOT / name).read_bytes() for name in names
    }


def test_a_project_of_ones_own_lacks_the_settings_alone() -> None:
    copy_project(Path("sample"), sample=True)
    copy_project(Path("own"), sample=False)
    assert files_in(Path("sample")).keys() - files_in(Path("own")).keys() == {"params.yaml"}


def test_git_takes_the_looks_of_a_project_of_ones_own() -> None:
    """They count in every clone; if git ignored them, a clone would begin at look 1 again."""
    copy_project(Path("own"), sample=False)
    subprocess.run(["git", "init", "-q", "own"], check=True)
    ignored = ["git", "-C", "own", "check-ignore", "-q"]
    assert subprocess.run([*ignored, "datasets/looks.jsonl"], check=False).returncode == 1
    assert subprocess.run([*ignored, "datasets/raw/a.csv"], check=False).returncode == 0


def test_what_is_there_already_stays_and_nothing_is_written() -> None:
    Path("datasets/sources").mkdir(parents=True)
    Path("datasets/sources/labelled.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"^datasets/sources/labelled\.jsonl: is there already"):
        copy_project(Path(), sample=False)
    assert files_in(Path()) == {"datasets/sources/labelled.jsonl": b"{}\n"}


def test_a_file_is_found_by_its_path_in_a_project() -> None:
    assert project_files()[".gitignore"].read_bytes() == (ROOT / ".gitignore").read_bytes()
    with pytest.raises(KeyError):
        project_files()["dvc.lock"]


@pytest.mark.parametrize("name", sorted(project_files()))
def test_in_the_repository_each_is_a_link_to_the_file_it_stands_for(name: str) -> None:
    link = project_files()[name]
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (ROOT / name).resolve()


def test_git_and_dvc_see_none_of_them_as_their_own() -> None:
    """A second pipeline would be in every graph of the repository's own."""
    names = [link.name for link in project_files().values()]
    assert [
        name for name in names if name.startswith(".") or name in ("dvc.yaml", "dvc.lock")
    ] == []


def test_a_container_is_built_with_all_that_the_links_lead_to() -> None:
    """A link that leads nowhere would be left out without a word."""
    lines = (ROOT / "deploy" / "Containerfile").read_text()
    copied = [
        Path(source)
        for line in re.findall(r"^COPY (.*) \S+$", lines, re.M)
        for source in line.split()
    ]
    for name in project_files():
        assert any(Path(name).is_relative_to(source) for source in copied), name
