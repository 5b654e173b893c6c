"""Backups and restores that die, that have no room, and that are made while others work."""

import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import pytest

from monitoring.scheduling import outbox, runs
from monitoring.scheduling.heartbeats import beat
from project.errors import IncumbentError
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.backups.tar_members import archive_draft
from registry.garbage import collect
from registry.notices import put
from registry.storage.database import writing
from registry.store import Registry
from tests.killed import archive_beside
from tests.places import Place, submit, ticking, win
from tests.registry.test_faults import fill, kill, mounted, traceable
from tests.used_registry import HOUR, LEASE, NOW, heartbeat, notice, rows_of, used

pytest_plugins = ["tests.servers"]

KILLS = 8


# --- processes that die -------------------------------------------------------------------------


@traceable
def test_a_backup_that_is_killed_leaves_a_whole_archive_or_none(tmp_path: Path) -> None:
    template = used(Place(tmp_path / "template"), tmp_path)
    places = [Place(tmp_path / f"copy-{i}") for i in range(KILLS + 2)]
    for place in places:
        shutil.copytree(template.root, place.root)
    assert kill("back up", places) >= 0.9 * KILLS
    for number, place in enumerate(places[2:]):
        with place.open() as registry:
            assert list(problems(registry)) == []
            if not (archive := archive_beside(registry)).exists():
                back_up(registry, str(archive))
        with Place(tmp_path / f"new-{number}").open() as registry:
            restore(registry, str(archive))
            assert list(problems(registry)) == []


@traceable
def test_a_restore_that_is_killed_leaves_a_whole_registry_or_none(tmp_path: Path) -> None:
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        back_up(registry, str(tmp_path / "archive.tar"))
        before, needed = rows_of(registry)["events"], set(registry.artifacts.digests())
        needed -= set(collect(registry))
    places = [Place(tmp_path / f"new-{i}") for i in range(KILLS + 2)]
    for place in places:
        place.root.mkdir()
        shutil.copy(tmp_path / "archive.tar", place.root)
    assert kill("restore", places) >= 0.9 * KILLS
    for place in places[2:]:
        with place.open() as registry:
            if not (found := rows_of(registry))["events"]:
                assert not any(found.values())
                restore(registry, str(archive_beside(registry)))
            assert rows_of(registry)["events"] == before
            assert list(problems(registry)) == []
            assert set(registry.artifacts.digests()) == needed


# --- disks that are full ------------------------------------------------------------------------


def test_a_backup_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    place = used(Place(tmp_path / "old"), tmp_path)
    with (
        place.open() as registry,
        mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=20k", "tmpfs") as disk,
    ):
        with pytest.raises(IncumbentError, match="nothing of it is kept: No space left"):
            back_up(registry, str(disk / "archive.tar"))
        assert list(disk.iterdir()) == []


def test_a_folder_that_goes_while_an_archive_is_written_is_told_in_a_line(tmp_path: Path) -> None:
    with archive_draft(str(tmp_path / "share" / "archive.tar")) as draft:
        draft.finish()
        shutil.rmtree(tmp_path / "share")
        with pytest.raises(IncumbentError, match="could not be written, and nothing of it is kept"):
            draft.publish()


def test_a_restore_that_finds_no_room_can_be_made_again(tmp_path: Path) -> None:
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        back_up(registry, str(tmp_path / "archive.tar"))
    with (
        mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk,
        Place(disk / "new").open() as registry,
    ):
        fill(disk)
        with pytest.raises((IncumbentError, OSError), match="No space left"):
            restore(registry, str(tmp_path / "archive.tar"))
        assert not any(rows_of(registry).values())
        (disk / "filler").unlink()
        restore(registry, str(tmp_path / "archive.tar"))
        assert list(problems(registry)) == []


# --- while others work --------------------------------------------------------------------------

BACKUPS = 3


def promote_on(registry: Registry, folder: Path, number: int) -> None:
    """A new champion, and every other time the version before the last one goes."""
    version = win(registry, f"winner-{number}", folder)
    if number % 2 and number > 2:
        registry.delete(version.number - 4, "old")


def submit_on(registry: Registry, folder: Path, number: int) -> None:
    gone = submit(registry, f"loser-{number}", folder)
    if number % 2:
        registry.delete(gone.number, "lost")


def run_nights(registry: Registry, _: Path, number: int) -> None:
    """The books of a night: claim, sign of life, notice, end."""
    day = date(2027, 1, 1) + timedelta(days=number)
    claim = runs.claim(registry.engine, "nightly", day, "machine", NOW, LEASE)
    assert claim is not None
    beat(registry.engine, heartbeat("machine"))
    with writing(registry.engine) as connection:
        put(connection, notice(f"night {number}"), NOW)
        if number % 3:
            runs.finish(connection, claim, NOW, "done")
    if number % 2 and (letter := outbox.take(registry.engine, NOW, HOUR)):
        outbox.close(registry.engine, letter, NOW)


def collect_on(registry: Registry, _: Path, number: int) -> None:
    collect(registry, dry_run=False)


WORK: tuple[Callable[[Registry, Path, int], None], ...] = (
    promote_on,
    submit_on,
    run_nights,
    collect_on,
)


def work_until(stop: Path, place: Place, work: int, folder: Path) -> int:
    """Do one kind of work again and again; returns how often."""
    with place.open(ticking()) as registry:
        for number in count(1):
            if stop.exists():
                return number
            WORK[work](registry, folder, number)
    raise AssertionError("nobody counts so far")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_backup_that_is_made_while_others_work_is_of_one_moment(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    place, stop = used(Place(tmp_path / "old", url), tmp_path), tmp_path / "stop"
    ends = []
    with (
        ProcessPoolExecutor(len(WORK), mp_context=get_context("spawn")) as pool,
        place.open() as registry,
    ):
        working = [
            pool.submit(work_until, stop, place, kind, tmp_path / str(kind))
            for kind in range(len(WORK))
        ]
        try:
            for number in range(BACKUPS):
                wait_for_events(registry, 15 + (ends[-1] if ends else 0))
                ends.append(back_up(registry, str(tmp_path / f"{number}.tar")).events)
        finally:
            stop.touch()
        assert all(worker.result() > 1 for worker in working)
        assert list(problems(registry)) == []
    assert ends == sorted(set(ends)), "each is of a later moment"
    for number in range(BACKUPS):
        with Place(tmp_path / f"new-{number}").open() as registry:
            restore(registry, str(tmp_path / f"{number}.tar"))
            assert list(problems(registry)) == []
            assert collect(registry) == []


def wait_for_events(registry: Registry, wanted: int) -> None:
    """Until others have written so many; each look waits for a writer's turn."""
    found = 0
    while found < wanted:
        with writing(registry.engine):
            found = len(rows_of(registry)["events"])
