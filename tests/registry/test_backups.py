"""A registry goes into one archive and comes back whole, whichever database and store it is in."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from project.errors import IncumbentError, InputError
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import open_archive, restore
from registry.garbage import collect
from registry.roles import Roles
from registry.store import Registry
from tests.databases import copy_of
from tests.places import Place, submit
from tests.used_registry import (
    LATER,
    NOW,
    Meanwhile,
    Rows,
    add_a_row_of_each,
    rows_of,
    used,
)

pytest_plugins = ["tests.servers"]

STATE = {"runs", "heartbeats", "outbox", "deliveries"}  # which a restore makes true


def without_state(rows: Rows) -> Rows:
    return {name: found for name, found in rows.items() if name not in STATE}


@pytest.fixture
def archive(tmp_path: Path) -> str:
    to = str(tmp_path / "archive.tar")
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        back_up(registry, to)
    return to


@pytest.fixture
def new(tmp_path: Path) -> Place:
    return Place(tmp_path / "new")


# --- there and back -----------------------------------------------------------------------------

ROADS = [
    ("sqlite folder", "sqlite folder"),
    ("sqlite folder", "postgresql s3"),
    ("postgresql s3", "sqlite folder"),
    ("postgresql s3", "postgresql folder"),
]


@pytest.fixture
def place_in(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], Place]:
    """Make a place of a kind; each server is asked for once."""

    def made(kind: str, name: str) -> Place:
        engine, _, store = kind.partition(" ")
        server = request.getfixturevalue("postgresql_server") if engine == "postgresql" else None
        url = server and copy_of(server, "template1")
        bucket = request.getfixturevalue("object_store") if store == "s3" else None
        return Place(tmp_path / name, url, bucket and f"{bucket}/{name}")

    return made


@pytest.mark.parametrize(("old", "new"), ROADS, ids=[f"{old} to {new}" for old, new in ROADS])
def test_a_registry_comes_back_as_it_was_and_goes_on(
    old: str, new: str, place_in: Callable[[str, str], Place], tmp_path: Path
) -> None:
    to = str(tmp_path / "archive.tar")
    with used(place_in(old, "old"), tmp_path).open() as registry:
        before, needed = (
            rows_of(registry),
            set(registry.artifacts.digests()) - set(collect(registry)),
        )
        back_up(registry, to)
    with place_in(new, "new").open(lambda: LATER) as registry:
        manifest = restore(registry, to)
        assert without_state(rows_of(registry)) == without_state(before)
        assert set(registry.artifacts.digests()) == needed
        assert manifest.events == len(before["events"])
        assert list(problems(registry)) == []
        assert registry.rollback("worse in use").number == 1
        add_a_row_of_each(registry)
        (*_, old, new) = rows_of(registry)["places"]
        assert ("/old" in old, "/new" in new) == (True, True)
        assert list(problems(registry)) == []


def test_an_archive_on_an_object_store_shows_when_it_is_whole(
    object_store: str, tmp_path: Path, new: Place
) -> None:
    to = f"{object_store}/archive.tar"
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        blobs = registry.artifacts.blobs
        registry.artifacts.blobs = Meanwhile(tmp_path / "old" / "artifacts", break_off, "pieces")
        with pytest.raises(KeyboardInterrupt):
            back_up(registry, to)
        registry.artifacts.blobs = blobs
        back_up(registry, to)
        with pytest.raises(InputError, match="is there already"):
            back_up(registry, to)
    with new.open() as registry:
        restore(registry, to)
        assert list(problems(registry)) == []
        with pytest.raises(InputError, match="there is no such file"):
            restore(Place(tmp_path / "third").open(), f"{to}x")


def test_the_same_registry_gives_the_same_archive(tmp_path: Path) -> None:
    with used(Place(tmp_path / "old"), tmp_path).open(lambda: NOW) as registry:
        for name in ("a", "b"):
            back_up(registry, str(tmp_path / name))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_any_tar_opens_it_and_its_owner_alone_reads_it(archive: str, tmp_path: Path) -> None:
    shutil.unpack_archive(archive, tmp_path / "open", filter="data")
    manifest = json.loads((tmp_path / "open" / "manifest.json").read_bytes())
    lines = (tmp_path / "open" / "tables" / "events.jsonl").read_bytes().split(b"\n")
    assert len(lines) - 1 == manifest["events"]
    assert Path(archive).stat().st_mode & 0o077 == 0


def test_a_store_that_has_artifacts_already_is_filled_up(archive: str, new: Place) -> None:
    artifacts = new.root / "artifacts"
    with open_archive(archive) as opened:
        kept, damaged, *_ = opened.artifacts
    with new.open() as registry:
        registry.artifacts.put(b"of another registry")
        registry.artifacts.blobs.write(damaged, b"not it")
        restore(registry, archive)
        assert list(problems(registry)) == []
        assert (artifacts / kept[:2] / kept).exists()


def break_off() -> None:
    raise KeyboardInterrupt


# --- what it asks for ---------------------------------------------------------------------------


def test_a_registry_with_rows_is_not_overwritten(archive: str, new: Place, tmp_path: Path) -> None:
    with new.open() as registry:
        submit(registry, "mine", tmp_path)
        before = rows_of(registry)
        with pytest.raises(IncumbentError, match=r"in use: its table \w+ has rows.*move this one"):
            restore(registry, archive)
        assert rows_of(registry) == before


def test_of_two_restores_at_once_one_is_made(archive: str, new: Place) -> None:
    with new.open() as registry, new.open() as quicker:
        blobs = Meanwhile(new.root / "artifacts", lambda: restore(quicker, archive), at="adopt")
        registry.artifacts.blobs = blobs
        with pytest.raises(IncumbentError, match="has rows"):
            restore(registry, archive)
        assert list(problems(quicker)) == []


def test_garbage_that_is_collected_during_a_restore_takes_nothing_unseen(
    archive: str, new: Place
) -> None:
    with new.open() as registry, new.open() as other:
        root = new.root / "artifacts"
        registry.artifacts.blobs = Meanwhile(root, lambda: delete_all(other), at="sizes")
        with pytest.raises(IncumbentError, match="garbage was collected meanwhile"):
            restore(registry, archive)
        assert not any(rows_of(registry).values())
        restore(registry, archive)
        assert list(problems(registry)) == []


def delete_all(registry: Registry) -> None:
    for digest in set(registry.artifacts.digests()):
        registry.artifacts.blobs.delete(digest)


def test_who_may_not_administer_may_not_restore(archive: str, new: Place) -> None:
    roles = Roles(administer=("ann",))
    with (
        Registry(new.root, "test", actor="bob", roles=roles) as registry,
        pytest.raises(IncumbentError, match="bob may not administer"),
    ):
        restore(registry, archive)


def test_an_empty_registry_has_no_backup(new: Place, tmp_path: Path) -> None:
    with new.open() as registry, pytest.raises(IncumbentError, match="registry is empty"):
        back_up(registry, str(tmp_path / "archive.tar"))
    assert not (tmp_path / "archive.tar").exists()
