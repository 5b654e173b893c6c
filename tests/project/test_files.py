"""A file or folder is whole, or it is as it was before."""

from pathlib import Path

import pytest

from project.files import rename_all, staged_folder, write_bytes


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "out") as draft:
        (draft / "a").write_text("1")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a").read_text() == "1"


def test_a_failed_block_leaves_the_old_folder_and_no_draft(tmp_path: Path) -> None:
    with staged_folder(tmp_path / "out") as draft:
        (draft / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path / "out") as draft:
        (draft / "a").write_text("new")
        raise KeyboardInterrupt
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_new_folder_takes_the_old_ones_place_whole(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with staged_folder(tmp_path / "out") as draft:
            (draft / name).write_text(name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_a_failed_write_leaves_the_old_bytes(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "file", "not bytes")  # type: ignore[arg-type]
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_of_many_files_each_gets_its_name_in_a_folder_that_may_be_new(tmp_path: Path) -> None:
    drafts = [tmp_path / name for name in "ab"]
    targets = [tmp_path / "new" / "er" / "a", tmp_path / "b2"]
    for draft in drafts:
        draft.write_text(draft.name)
    rename_all(dict(zip(drafts, targets, strict=True)))
    assert [target.read_text() for target in targets] == ["a", "b"]
    assert not any(draft.exists() for draft in drafts)
