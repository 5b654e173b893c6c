"""Stores of files: one promise in a folder and in any object store; no secret of a URL is shown."""

from errno import ENOSPC
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from project.errors import IncumbentError, InputError
from project.object_stores import FileStore, local_path, without_secrets
from tests.registry.test_faults import mounted

pytest_plugins = ["tests.servers"]


@pytest.mark.parametrize(
    ("place", "path"),
    (
        ("rows", Path("rows")),
        ("file:///rows", Path("/rows")),
        ("local:///rows", Path("/rows")),
        ("s3://bucket/rows", None),
    ),
)
def test_a_local_path_is_told_from_other_urls(place: str, path: Path | None) -> None:
    assert local_path(place) == path


@pytest.mark.parametrize(
    ("place", "shown"),
    (
        ("s3://ann:hunter2@host/bucket", "s3://host/bucket"),
        ("https://host/rows?token=hunter2#here", "https://host/rows"),
        ("git@host:rows.git", "host:rows.git"),
        ("/rows/a@b", "/rows/a@b"),
        ("rows", "rows"),
    ),
)
def test_what_is_shown_holds_no_secret(place: str, shown: str) -> None:
    assert without_secrets(place) == shown


def test_a_url_that_nothing_opens_is_an_error_in_words() -> None:
    with pytest.raises(InputError, match=r"^a\.field: cannot open pigeon://bucket: .*pigeon"):
        FileStore("pigeon://ann:hunter2@bucket", field="a.field")


# --- the store ----------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "s3":
        return FileStore(request.getfixturevalue("object_store"))
    MemoryFileSystem.store.clear()
    places = {
        "folder": tmp_path / "a" / "store",
        "file": f"file://{tmp_path}/store",
        "memory": f"memory://{tmp_path.name}/store",
    }
    return FileStore(places[request.param])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"copied")
    return path


def everything(store: FileStore) -> list[Path | str]:
    """All that lies there, hidden files too."""
    return list(store.folder.rglob("*")) if store.folder else list(store.sizes())


def test_what_is_written_is_read_listed_and_deleted(store: FileStore, source: Path) -> None:
    assert store.read("a/b") is None
    assert not store.exists("a/b")
    assert store.sizes() == store.entries() == {}
    store.write("a/b", b"first")
    store.write("a/b", b"12")
    store.put(source, "a/c/d")
    store.write("top", b"")
    assert store.read("a/b") == b"12"
    with store.stream("a/b") as stream:
        stream.seek(1)
        assert stream.read() == b"2"
    store.get("a/c/d", source.with_name("copy"))
    assert source.with_name("copy").read_bytes() == b"copied" == source.read_bytes()
    assert store.sizes() == {"a/b": 2, "a/c/d": 6, "top": 0}
    assert (store.entries(), store.entries("a")) == ({"a": None, "top": 0}, {"b": 2, "c": None})
    store.delete("top")
    store.delete("top")
    store.delete_folder("a/c")
    store.delete_folder("a/c")
    assert store.sizes() == {"a/b": 2}


def test_files_are_adopted_under_their_names(store: FileStore) -> None:
    with store.drafts() as folder:
        drafts = {Path(folder, name): f"x/{name}" for name in "ab"}
        for draft in drafts:
            draft.write_text(draft.name)
        store.adopt(drafts)
        assert not store.folder or not any(draft.exists() for draft in drafts)
    assert store.sizes() == {"x/a": 1, "x/b": 1}


# fsspec's store in memory shows a draft at once.
@pytest.mark.parametrize("store", ["folder", "file", "s3"], indirect=True)
def test_a_draft_is_there_when_it_is_committed_and_leaves_nothing_before(store: FileStore) -> None:
    for kept in (False, True):
        draft = store.draft("x/archive")
        draft.write(b"whole")
        draft.close()
        assert not store.exists("x/archive")
        if kept:
            draft.commit()
        else:
            draft.discard()
            assert not store.folder or [path.name for path in everything(store)] == ["x"]
    assert store.read("x/archive") == b"whole"


def test_what_a_store_refuses_is_told_after_the_callers_words(store: FileStore) -> None:
    told = pytest.raises(IncumbentError, match=r"^it is not kept: no room$")
    with told, store.errors("it is not kept"):
        raise OSError(ENOSPC, "no room")
    refused = pytest.raises(InputError, match="of a kind that cannot do so")
    with refused, store.errors("it is not kept"):
        raise NotImplementedError


def test_an_object_stores_own_exceptions_are_failures_and_mistakes_here_are_none(
    store: FileStore,
) -> None:
    told = pytest.raises(KeyError if store.folder else IncumbentError)
    with told, store.errors("it is not kept"):
        raise KeyError("of a library")


def test_of_a_store_of_buckets_none_is_made(object_store: str) -> None:
    absent = FileStore(object_store.replace("s3://bucket", "s3://other-bucket"))
    with pytest.raises(Exception, match="bucket"):
        absent.write("a", b"")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, source: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=40k", "tmpfs") as disk:
        store = FileStore(disk / "store")
        store.write("a", b"old")
        source.write_bytes(bytes(50_000))
        for refused in (
            lambda: store.write("a", bytes(50_000)),
            lambda: store.put(source, "a"),
            lambda: store.adopt({source: "a"}),
        ):
            with pytest.raises(OSError, match="No space left"):
                refused()
            assert everything(store) == [disk / "store" / "a"]
        assert store.read("a") == b"old"
        assert source.stat().st_size == 50_000


def test_a_file_of_another_disk_is_copied_with_who_may_read_it(
    tmp_path: Path, source: Path
) -> None:
    source.chmod(0o640)
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=40k", "tmpfs") as disk:
        FileStore(disk).adopt({source: "x/a"})
        assert (disk / "x" / "a").read_bytes() == b"copied"
        assert (disk / "x" / "a").stat().st_mode & 0o777 == 0o640
