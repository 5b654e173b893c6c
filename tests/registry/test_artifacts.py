"""Artifacts are stored under their digest and never trusted at a reading."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.records.record import Digest
from registry.storage.artifact_store import Artifacts, Blobs
from tests.places import blob_file


@pytest.fixture
def store(tmp_path: Path) -> Artifacts:
    return Artifacts(Blobs(tmp_path / "store"))


def folder(path: Path) -> Path:
    (path / "sub").mkdir(parents=True)
    (path / "a").write_text("1")
    (path / "sub" / "b").write_text("2")
    return path


def put(store: Artifacts, source: Path) -> Digest:
    digest = digest_folder(source)
    store.put_folder(source, digest)
    return digest


def test_what_is_put_comes_back(store: Artifacts) -> None:
    assert store.get(store.put(b"data")) == b"data"


def test_a_folder_comes_back_with_its_digest(store: Artifacts, tmp_path: Path) -> None:
    source = folder(tmp_path / "source")
    digest = put(store, source)
    assert digest_folder(store.check_out(digest, tmp_path / "copy")) == digest


def test_a_spoilt_copy_is_checked_out_again(store: Artifacts, tmp_path: Path) -> None:
    digest = put(store, folder(tmp_path / "source"))
    copy = store.check_out(digest, tmp_path / "copy")
    (copy / "a").write_text("spoilt")
    assert digest_folder(store.check_out(digest, copy)) == digest


def test_a_flipped_byte_is_refused(store: Artifacts, tmp_path: Path) -> None:
    digest = put(store, folder(tmp_path / "source"))
    blob_file(store, store.manifest(digest)["sub/b"]).write_text("3")
    with pytest.raises(IncumbentError, match="damaged"):
        store.verify_folder(digest)
    with pytest.raises(IncumbentError, match="damaged"):
        store.check_out(digest, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_storing_again_heals_a_damaged_copy(store: Artifacts, tmp_path: Path) -> None:
    digest = store.put(b"data")
    blob_file(store, digest).write_bytes(b"spoilt")
    assert store.get(store.put(b"data")) == b"data"
    source = folder(tmp_path / "source")
    files = store.manifest(put(store, source))
    blob_file(store, files["a"]).write_bytes(b"spoilt")
    blob_file(store, files["sub/b"]).unlink()
    store.verify_folder(put(store, source))


def test_a_folder_that_is_there_and_whole_is_not_written_again(
    store: Artifacts, tmp_path: Path
) -> None:
    source = folder(tmp_path / "source")
    blobs = store.manifest(put(store, source)).values()
    before = [blob_file(store, blob).stat().st_ino for blob in blobs]
    put(store, source)
    assert [blob_file(store, blob).stat().st_ino for blob in blobs] == before


def test_a_folder_of_other_bytes_than_were_named_is_refused(
    store: Artifacts, tmp_path: Path
) -> None:
    source = folder(tmp_path / "source")
    with pytest.raises(InputError, match=r"source: holds adapter \w{12}, its record says 0{12}"):
        store.put_folder(source, "0" * 64)
    digest = put(store, source)
    (source / "a").write_text("another")
    with pytest.raises(InputError, match="source: holds adapter"):
        store.put_folder(source, digest)
    store.verify_folder(digest)


def test_a_large_file_is_stored_checked_and_read_in_little_memory(
    store: Artifacts, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "weights").open("wb") as stream:
        stream.truncate(64 << 20)  # a file with a hole: 64 MiB of zeros that take no room
    digest = digest_folder(source)
    tracemalloc.start()
    try:
        store.put_folder(source, digest)
        store.put_folder(source, digest)
        store.verify_folder(digest)
        store.check_out(digest, tmp_path / "copy")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


class Meddling(MemoryFileSystem):  # type: ignore[misc]  # the library has no types
    """An object store during whose uploads somebody writes to the file."""

    def put_file(self, lpath: str, rpath: str, *args: object, **kwargs: object) -> None:
        super().put_file(lpath, rpath, *args, **kwargs)
        Path(lpath).write_text("another")


def test_a_file_that_changes_while_it_is_uploaded_is_not_stored(tmp_path: Path) -> None:
    blobs = Blobs(f"memory://{tmp_path.name}")
    blobs.store.files = Meddling()
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("1")
    with pytest.raises(InputError, match="source/a: changed while it was stored"):
        Artifacts(blobs).put_folder(source, digest_folder(source))
    assert list(blobs.names()) == []


def test_a_missing_artifact_is_named(store: Artifacts) -> None:
    with pytest.raises(IncumbentError, match="artifact 000000000000 is missing"):
        store.get("0" * 64)


def test_many_who_check_out_one_folder_take_it_away_from_nobody(
    store: Artifacts, tmp_path: Path
) -> None:
    digest = put(store, folder(tmp_path / "source"))
    target = tmp_path / "copies" / "copy"

    def read(_: int) -> str:
        store.check_out(digest, target)
        return (target / "a").read_text() + (target / "sub" / "b").read_text()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(64))) == {"12"}
    assert [path.name for path in target.parent.iterdir()] == ["copy"]
