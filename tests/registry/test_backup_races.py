"""A backup has what it names, whatever is damaged, deleted or erased while it is made."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from project.errors import IncumbentError
from project.records.events import Submission
from project.records.record import Digest
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import open_archive, restore
from registry.garbage import collect
from registry.store import Registry
from tests.places import Place, submit, ticking, win
from tests.used_registry import Meanwhile, used


@pytest.fixture
def new(tmp_path: Path) -> Place:
    return Place(tmp_path / "new")


def weights_of(registry: Registry, number: int) -> Digest:
    files = registry.artifacts.manifest(registry.version(number).adapter.files)
    return files["adapter_model.safetensors"]


def test_a_damaged_artifact_is_in_no_backup_but_all_else_can_be(tmp_path: Path, new: Place) -> None:
    to = tmp_path / "archive.tar"
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        damaged, lost = weights_of(registry, 1), registry.version(2).adapter.files
        registry.artifacts.blobs.write(damaged, b"other bytes")
        registry.artifacts.blobs.delete(lost)
        with pytest.raises(IncumbentError, match=f"{lost[:12]} is missing.*--without-damaged"):
            back_up(registry, str(to))
        registry.artifacts.put_folder(tmp_path / "adapter-second", lost)
        with pytest.raises(IncumbentError, match=f"{damaged[:12]}.* is damaged.*--without-damaged"):
            back_up(registry, str(to))
        assert [path.name for path in tmp_path.glob("*archive*")] == []
        registry.artifacts.blobs.delete(lost)
        assert set(back_up(registry, str(to), without_damaged=True).left_out) == {damaged, lost}
    with new.open() as registry:
        restore(registry, str(to))
        first, second = problems(registry)
        assert first.startswith("test v1: artifact")
        assert second.startswith("test v2: artifact")
        registry.artifacts.put_folder(tmp_path / "adapter-first", registry.version(1).adapter.files)
        registry.artifacts.put_folder(tmp_path / "adapter-second", lost)
        assert list(problems(registry)) == []


@pytest.mark.parametrize("table", ["events", "versions"])
def test_a_record_that_cannot_be_read_is_said_in_a_line_and_nothing_is_collected(
    table: str, tmp_path: Path
) -> None:
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        with registry.engine.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET record = '' WHERE number = 2"))
        before = set(registry.artifacts.digests())
        for act in (lambda: back_up(registry, "archive.tar"), lambda: collect(registry)):
            with pytest.raises(
                IncumbentError, match=r"is none: .*; `incumbent registry verify` tells which"
            ):
                act()
        assert set(registry.artifacts.digests()) == before


@contextmanager
def disturbed(place: Place, meanwhile: Callable[[Registry], object], at: str) -> Any:
    """A registry in which something happens while it is backed up."""
    with place.open(ticking()) as registry, place.open(ticking()) as other:
        registry.artifacts.blobs = Meanwhile(place.root / "artifacts", lambda: meanwhile(other), at)
        yield registry


@pytest.mark.parametrize("at", ["sizes", "pieces"])
def test_a_version_that_is_deleted_and_collected_meanwhile_is_looked_up_again(
    at: str, tmp_path: Path, new: Place
) -> None:
    place = used(Place(tmp_path / "old"), tmp_path)

    def collect_first(registry: Registry) -> None:
        registry.point("spare", None, "free", expected=1)
        registry.delete(1, "not needed")
        collect(registry, dry_run=False)

    with place.open(ticking()) as registry:
        win(registry, "fourth", tmp_path)
        win(registry, "fifth", tmp_path)
        registry.point("spare", 1, "kept for a while", expected=None)
    with disturbed(place, collect_first, at) as registry:
        manifest = back_up(registry, str(tmp_path / "archive.tar"))
        assert manifest.events == len(registry.history())
    with new.open() as registry:
        restore(registry, str(tmp_path / "archive.tar"))
        assert list(problems(registry)) == []
        assert registry.deleted(1)


def test_what_a_person_erases_meanwhile_is_not_in_the_archive(tmp_path: Path, new: Place) -> None:
    place = used(Place(tmp_path / "old"), tmp_path)
    with place.open() as registry:
        gone = registry.history(kind="submit")[0].told(Submission).dataset

    def erase(registry: Registry) -> None:
        registry.record_erasure(["r1"], [1], [gone], "a request")

    with disturbed(place, erase, "pieces") as registry:
        back_up(registry, str(tmp_path / "archive.tar"))
    with open_archive(str(tmp_path / "archive.tar")) as archive:
        assert gone not in archive.artifacts
    with new.open() as registry:
        restore(registry, str(tmp_path / "archive.tar"))
        assert list(problems(registry)) == []
        assert registry.history()[-1].kind == "erase"


def test_what_was_erased_and_is_needed_again_is_in_the_archive(tmp_path: Path) -> None:
    with used(Place(tmp_path / "old"), tmp_path).open(ticking()) as registry:
        gone = registry.history(kind="submit")[0].told(Submission).dataset
        registry.record_erasure(["r1"], [1], [gone], "a request")
        back_up(registry, str(tmp_path / "without.tar"))
        submit(registry, "after", tmp_path)  # it names the same dataset
        back_up(registry, str(tmp_path / "with.tar"))
    for name, there in (("without", False), ("with", True)):
        with open_archive(str(tmp_path / f"{name}.tar")) as archive:
            assert (gone in archive.artifacts) is there


def test_a_backup_holds_no_lock_while_it_copies(tmp_path: Path) -> None:
    place = used(Place(tmp_path / "old"), tmp_path)
    with disturbed(place, lambda other: win(other, "meanwhile", tmp_path), "pieces") as registry:
        before = len(registry.history())
        manifest = back_up(registry, str(tmp_path / "archive.tar"))
        assert manifest.events == before
        assert len(registry.history()) == before + 4
