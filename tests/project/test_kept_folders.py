"""What takes long to make is made once for all projects of a user, and never taken unread."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.kept_folders import LARGE, kept_folder, users_cache

FILES = {"weights": b"w" * LARGE, "config.json": b"{}"}


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


def test_a_second_project_gets_the_same_large_file_and_its_own_small_ones(tmp_path: Path) -> None:
    first, second = tmp_path / "first" / "model", tmp_path / "second" / "model"
    kept_folder("key", first, make)
    kept_folder("key", second, refuse)
    assert files_of(first) == files_of(second) == FILES
    assert (first / "weights").samefile(second / "weights")
    assert not (first / "config.json").samefile(second / "config.json")


def test_another_key_is_made_for_itself(tmp_path: Path) -> None:
    kept_folder("key", tmp_path / "first", make)
    kept_folder("other", tmp_path / "second", lambda folder: (folder / "a").touch())
    assert files_of(tmp_path / "second") == {"a": b""}


@pytest.mark.parametrize("name", [*FILES, "digests.json"])
@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_what_is_not_as_it_was_kept_is_made_anew(
    name: str, harm: str, tmp_path: Path, cache: Path
) -> None:
    kept_folder("key", tmp_path / "first", make)
    (cache / "key" / name).unlink()
    if harm == "changed":
        (cache / "key" / name).write_bytes(b"other")
    kept_folder("key", tmp_path / "second", make)
    kept_folder("key", tmp_path / "third", refuse)
    assert files_of(tmp_path / "second") == files_of(tmp_path / "third") == FILES
    assert [path.name for path in cache.iterdir()] == ["key"]


def test_what_fails_leaves_neither_a_folder_nor_a_kept_one(tmp_path: Path, cache: Path) -> None:
    def fail(folder: Path) -> None:
        make(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_folder("key", tmp_path / "first", fail)
    assert not (tmp_path / "first").exists()
    assert not cache.exists()


def test_without_a_place_for_it_the_folder_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kept_folder("key", tmp_path / "first", make)
    assert files_of(tmp_path / "first") == FILES


def test_many_at_once_all_get_a_whole_folder(tmp_path: Path, cache: Path) -> None:
    places = [tmp_path / f"project-{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda place: kept_folder("key", place, make), places))
    assert all(files_of(place) == FILES for place in places)
    assert [path.name for path in cache.iterdir()] == ["key"]
