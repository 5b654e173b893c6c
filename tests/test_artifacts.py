"""Artifacts are stored under their digest and never trusted at a reading."""

from pathlib import Path

import pytest

from registry.artifacts import Artifacts
from registry.blobs import LocalBlobs
from registry.canonical import digest_folder
from registry.errors import IncumbentError


@pytest.fixture
def store(tmp_path: Path) -> Artifacts:
    return Artifacts(LocalBlobs(tmp_path / "store"))


def folder(path: Path) -> Path:
    (path / "sub").mkdir(parents=True)
    (path / "a").write_text("1")
    (path / "sub" / "b").write_text("2")
    return path


def test_what_is_put_comes_back(store: Artifacts) -> None:
    assert store.get(store.put(b"data")) == b"data"


def test_a_folder_comes_back_with_its_digest(store: Artifacts, tmp_path: Path) -> None:
    source = folder(tmp_path / "source")
    digest = store.put_folder(source)
    assert digest == digest_folder(source)
    assert digest_folder(store.check_out(digest, tmp_path / "copy")) == digest


def test_a_spoilt_copy_is_checked_out_again(store: Artifacts, tmp_path: Path) -> None:
    digest = store.put_folder(folder(tmp_path / "source"))
    copy = store.check_out(digest, tmp_path / "copy")
    (copy / "a").write_text("spoilt")
    assert digest_folder(store.check_out(digest, copy)) == digest


def test_a_flipped_byte_is_refused(store: Artifacts, tmp_path: Path) -> None:
    digest = store.put_folder(folder(tmp_path / "source"))
    store.blobs.path(store.manifest(digest)["sub/b"]).write_text("3")
    with pytest.raises(IncumbentError, match="damaged"):
        store.verify_folder(digest)
    with pytest.raises(IncumbentError, match="damaged"):
        store.check_out(digest, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_storing_again_heals_a_damaged_copy(store: Artifacts) -> None:
    digest = store.put(b"data")
    store.blobs.path(digest).write_bytes(b"spoilt")
    assert store.get(store.put(b"data")) == b"data"


def test_a_missing_artifact_is_named(store: Artifacts) -> None:
    with pytest.raises(IncumbentError, match="artifact 000000000000 is missing"):
        store.get("0" * 64)
