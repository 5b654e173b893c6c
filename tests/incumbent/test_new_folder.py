"""The folder of a new project appears whole or not at all, wherever it is to lie."""

import subprocess
import sys
from pathlib import Path

import pytest

from incumbent.init.new_folder import new_folder, start, take_in
from incumbent.init.own_sources import chosen_base
from project.errors import IncumbentError, InputError
from project.model_pins import BaseChoice


def test_it_appears_when_all_is_done_and_nobody_has_moved() -> None:
    before = Path.cwd()
    with new_folder(Path("deep/own")):
        Path("params.yaml").touch()
        assert not (before / "deep/own").exists()
    assert Path("deep/own/params.yaml").exists()
    assert Path.cwd() == before


@pytest.mark.parametrize("error", [InputError("no"), KeyboardInterrupt(), RuntimeError()])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_left_of_a_work_that_broke_off(error: BaseException, there: bool) -> None:
    if there:
        Path("own").mkdir()
    with pytest.raises(type(error)), new_folder(Path("own")):
        Path("params.yaml").touch()
        raise error
    assert sorted(map(str, Path().rglob("*"))) == ["own"] * there


def test_an_empty_folder_is_filled_where_it_is() -> None:
    """Somebody's shell may stand in it."""
    Path("own").mkdir()
    inode = Path("own").stat().st_ino
    with new_folder(Path("own")):
        Path("datasets").mkdir()
    assert [path.name for path in Path("own").iterdir()] == ["datasets"]
    assert Path("own").stat().st_ino == inode


def test_what_is_there_is_not_touched() -> None:
    Path("own").mkdir()
    Path("own/notes.txt").touch()
    with pytest.raises(InputError, match=r"^own: is there already"), new_folder(Path("own")):
        pass


@pytest.mark.parametrize("target", ["file", "file/own", "file/deep/own"])
def test_there_is_no_folder_below_a_file(target: str) -> None:
    Path("file").touch()
    with pytest.raises(InputError, match="file: is a file"), new_folder(Path(target)):
        pass


def test_what_the_disk_refuses_is_told_in_a_line() -> None:
    told = "No such file or directory: nothing was made"
    with pytest.raises(IncumbentError, match=told), new_folder(Path("own")):
        Path("nowhere/file").touch()


# --- git ----------------------------------------------------------------------------------------


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


def test_inside_of_a_repository_nothing_is_staged_or_committed() -> None:
    git("init", "-q")
    with new_folder(Path("own")):
        Path("faq.csv").touch()
        start([Path("faq.csv")], "Start", Path("own").resolve())
    assert git("status", "--short") == "?? own/\n"
    assert Path("own/.dvc/config").exists() and Path("own/faq.csv.dvc").exists()


def test_elsewhere_all_but_the_rows_is_committed() -> None:
    with new_folder(Path("own")):
        Path("faq.csv").touch()
        start([Path("faq.csv")], "Start with faq.csv", Path("own").resolve())
    assert git("-C", "own", "status", "--short") == ""
    assert git("-C", "own", "log", "--format=%s") == "Start with faq.csv\n"
    assert "faq.csv.dvc" in (tracked := git("-C", "own", "ls-files").splitlines())
    assert "faq.csv" not in tracked


@pytest.mark.parametrize("own", ["own", "work/deep/own"])
def test_a_folder_that_the_repository_around_ignores_gets_its_own(own: str) -> None:
    """DVC works in no folder that git ignores."""
    git("init", "-q")
    Path(".gitignore").write_text("/own/\n/work/\n")
    target = Path(own).resolve()
    with new_folder(target):
        Path("faq.csv").touch()
        Path("dvc.yaml").write_text("stages: {}\n")
        start([Path("faq.csv")], "Start", target)
    assert git("-C", own, "log", "--format=%s") == "Start\n"
    subprocess.run([sys.executable, "-m", "dvc", "status", "-q"], cwd=own, check=True)


# --- files --------------------------------------------------------------------------------------


def written(*names: str) -> list[Path]:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    return [Path(name) for name in names]


def test_files_of_one_name_get_two_names() -> None:
    taken = take_in(written("north/faq.csv", "south/faq.csv"))
    assert [path.name for path in taken] == ["faq.csv", "faq-2.csv"]
    assert taken[1].read_text() == "south/faq.csv"


def test_of_a_folder_its_data_are_taken_and_nothing_else() -> None:
    written("mine/a.csv", "mine/deep/b.csv", "mine/logo.png", "mine/.env", "mine/.git/config")
    (taken,) = take_in([Path("mine")])
    found = [path.relative_to(taken) for path in taken.rglob("*") if path.is_file()]
    assert sorted(map(str, found)) == ["a.csv", "deep/b.csv"]


def test_a_link_is_followed_and_what_was_read_only_can_be_replaced() -> None:
    (file,) = written("target.csv")
    file.chmod(0o444)
    Path("faq.csv").symlink_to(file)
    (taken,) = take_in([Path("faq.csv")])
    assert not taken.is_symlink()
    assert taken.stat().st_mode & 0o200


# --- the base -----------------------------------------------------------------------------------


def test_a_folder_is_named_by_its_whole_path(word_base: Path) -> None:
    Path("base").symlink_to(word_base)
    assert chosen_base(BaseChoice(model="base")).model == str(word_base.resolve())


def test_a_folder_without_a_model_says_what_it_lacks() -> None:
    written("base/config.json")
    with pytest.raises(InputError, match=r"base: --base: holds no model: \*\.safetensors is"):
        chosen_base(BaseChoice(model="base"))


def test_an_id_of_the_hub_needs_a_commit() -> None:
    with pytest.raises(InputError, match=r"'a/b' is no folder here; .* --revision COMMIT"):
        chosen_base(BaseChoice(model="a/b"))
    assert chosen_base(BaseChoice(model="a/b", revision="c")).model == "a/b"
