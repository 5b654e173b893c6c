"""What takes long to make is made once for all projects of a user, and never taken unread."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.kept_folders import is_kept, kept_folder, users_cache
from tests.conftest import ROOT

FILES = {"weights": b"w" * (1 << 20), "config.json": b"{}"}
DIES = """
import os, sys
from pathlib import Path
from project.kept_folders import kept_folder

def make(folder):
    (folder / "weights").write_bytes(b"half")
    os._exit(9)

kept_folder("key", Path(sys.argv[1]), make)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = users_cache()
    assert found == tmp_path / "cache" / "incumbent"
    return found


def make(folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).write_bytes(data)


def refuse(folder: Path) -> None:
    raise AssertionError(f"{folder} was made a second time")


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kept(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} - {"key.lock"}


def test_a_project_has_a_link_and_no_copy(tmp_path: Path) -> None:
    first, second = tmp_path / "first" / "model", tmp_path / "second" / "model"
    kept_folder("key", first, make)
    kept_folder("key", second, refuse)
    assert files_of(first) == files_of(second) == FILES
    assert first.is_symlink()
    assert first.samefile(second)


def test_another_key_is_made_for_itself(tmp_path: Path) -> None:
    kept_folder("key", tmp_path / "first", make)
    kept_folder("other", tmp_path / "second", lambda folder: (folder / "a").touch())
    assert files_of(tmp_path / "second") == {"a": b""}


def test_a_variable_says_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCUMBENT_CACHE", str(tmp_path / "disk"))
    kept_folder("key", tmp_path / "first", make)
    assert (tmp_path / "first").resolve().is_relative_to(tmp_path / "disk")


@pytest.mark.parametrize("name", ["files/weights", "files/config.json", "digests.json"])
@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_what_is_not_as_it_was_kept_is_made_anew(
    name: str, harm: str, tmp_path: Path, cache: Path
) -> None:
    kept_folder("key", tmp_path / "first", make)
    (cache / "key" / name).unlink()
    if harm == "changed":
        (cache / "key" / name).write_bytes(b"other")
    assert not is_kept(tmp_path / "first")
    kept_folder("key", tmp_path / "second", make)
    kept_folder("key", tmp_path / "third", refuse)
    assert all(files_of(tmp_path / place) == FILES for place in ("first", "second", "third"))
    assert is_kept(tmp_path / "first")
    assert kept(cache) == {"key"}


def test_a_folder_that_a_project_has_of_its_own_stays_in_use(tmp_path: Path) -> None:
    make_own = tmp_path / "own"
    make_own.mkdir()
    make(make_own)
    assert is_kept(make_own)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert not is_kept(tmp_path / "nowhere")


def test_what_fails_leaves_neither_a_link_nor_a_kept_folder(tmp_path: Path, cache: Path) -> None:
    def fail(folder: Path) -> None:
        make(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_folder("key", tmp_path / "first", fail)
    assert not (tmp_path / "first").exists()
    assert kept(cache) == set()


def test_a_writer_that_dies_leaves_nothing_that_is_taken_for_whole(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    died = subprocess.run([sys.executable, "-c", DIES, str(tmp_path / "first")])
    assert died.returncode == 9
    assert not (tmp_path / "first").exists()
    kept_folder("key", tmp_path / "second", make)
    assert files_of(tmp_path / "second") == FILES
    assert kept(cache) == {"key"}


def test_without_a_place_for_it_the_folder_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kept_folder("key", tmp_path / "first", make)
    assert files_of(tmp_path / "first") == FILES


def test_many_at_once_all_get_a_whole_folder_that_is_made_once(tmp_path: Path, cache: Path) -> None:
    places = [tmp_path / f"project-{number}" for number in range(16)]
    made: list[Path] = []

    def count(folder: Path) -> None:
        made.append(folder)
        make(folder)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda place: kept_folder("key", place, count), places))
    assert all(files_of(place) == FILES for place in places)
    assert len(made) == 1
    assert kept(cache) == {"key"}
