"""Whatever dies, fills up or is damaged: the champion is the old one or the new one, and whole."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import text

from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.events import DecisionMade, Event, Promotion
from registry.audit import problems
from registry.garbage import collect
from registry.storage.artifact_store import Blobs
from registry.storage.database import writing
from registry.store import Registry
from tests.conftest import ROOT
from tests.databases import copy_of
from tests.killed import CHANGES, prepare
from tests.places import Place, decide, made, submit, win

pytest_plugins = ["tests.servers"]

Known = tuple[list[AdapterVersion], dict[str, int], list[Event], set[str]]

traceable = pytest.mark.skipif(sys.platform != "linux", reason="processes are traced by Linux")


# --- processes that die -------------------------------------------------------------------------


def all_of(registry: Registry) -> Known:
    """Everything that the registry holds."""
    stored = set(registry.artifacts.digests())
    return registry.versions(with_deleted=True), registry.aliases(), registry.history(), stored


def kill(change: str, places: list[Place]) -> int:
    """Make a change in the first two places, and die while making it in the others."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed", change],
        input=json.dumps([(str(place.root), place.database) for place in places]),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    killed: int = json.loads(done.stdout)["killed"]
    return killed


def check_after_death(change: str, place: Place, before: Known, after: Known, folder: Path) -> None:
    """The change was made or not, nothing is broken, and making it again completes it."""
    with place.open() as registry:
        with writing(registry.engine):
            pass  # a server may still be ending what its dead client began
        assert all_of(registry)[:3] in (before[:3], after[:3])
        assert list(problems(registry)) == []
        CHANGES[change](registry, folder)
        assert all_of(registry) == after
        assert list(problems(registry)) == []


def kill_and_check(change: str, template: Place, copies: list[Place], folder: Path) -> None:
    with template.open() as registry:
        before = all_of(registry)
    assert kill(change, copies) >= 0.9 * (len(copies) - 2)  # the last steps may be one fewer
    with copies[1].open() as undisturbed:
        after = all_of(undisturbed)
    assert before != after
    for place in copies[2:]:
        check_after_death(change, place, before, after, folder)


@traceable
@pytest.mark.parametrize("change", CHANGES)
def test_sigkill_leaves_the_old_state_or_the_new_one(change: str, tmp_path: Path) -> None:
    template = Place(tmp_path / "template")
    prepare(template, change, tmp_path)
    copies = [Place(tmp_path / f"copy-{i}") for i in range(32)]
    for place in copies:
        shutil.copytree(template.root, place.root)
    kill_and_check(change, template, copies, tmp_path)


@traceable
@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_sigkill_on_postgresql_leaves_the_old_state_or_the_new_one(
    change: str, tmp_path: Path, postgresql: str
) -> None:
    template = Place(tmp_path / "template", postgresql)
    prepare(template, change, tmp_path)
    copies = [Place(tmp_path / f"copy-{i}", copy_of(postgresql)) for i in range(12)]
    for place in copies:
        shutil.copytree(template.root, place.root)
    kill_and_check(change, template, copies, tmp_path)


def drafts_in(place: Place) -> list[Path]:
    return list((place.root / "artifacts").rglob(".*"))


@traceable
def test_drafts_that_a_killed_submit_left_go_with_the_garbage_when_they_are_a_day_old(
    tmp_path: Path,
) -> None:
    template = Place(tmp_path / "template")
    prepare(template, "submit", tmp_path)
    copies = [Place(tmp_path / f"copy-{i}") for i in range(22)]
    for place in copies:
        shutil.copytree(template.root, place.root)
    kill("submit", copies)
    left = [place for place in copies if drafts_in(place)]
    assert left
    for place in left:
        written = max(draft.stat().st_mtime for draft in drafts_in(place))
        for hours, stay in ((23, True), (25, False)):
            now = datetime.fromtimestamp(written, UTC) + timedelta(hours=hours)
            with place.open(lambda now=now: now) as registry:
                collect(registry, dry_run=False)
                assert list(problems(registry)) == []
            assert bool(drafts_in(place)) == stay


# --- processes that race ------------------------------------------------------------------------


def become_champion(place: Place, number: int) -> int:
    """Decide on a version against the champion and promote it, until it was champion once.

    Returns how many decisions it took.
    """
    with place.open() as registry:
        for tried in range(1, 1000):
            decide(registry, registry.version(number))
            try:
                registry.promote(number, "race")
            except IncumbentError as error:
                assert "but the champion is" in str(error)  # another one was quicker
            else:
                return tried
    raise AssertionError("never became champion")


class Interrupted(Blobs):
    """A folder of artifacts whose first reading something else comes in between."""

    def __init__(self, root: Path, meanwhile: Callable[[], object]) -> None:
        super().__init__(root)
        self.meanwhile = [meanwhile]

    def read(self, name: str) -> bytes | None:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().read(name)


def test_a_version_that_is_deleted_while_it_is_promoted_is_not_promoted(tmp_path: Path) -> None:
    place = Place(tmp_path / "registry")
    with place.open() as registry, place.open() as other:
        decide(registry, submit(registry, "first", tmp_path))
        root = place.root / "artifacts"
        registry.artifacts.blobs = Interrupted(root, lambda: other.delete(1, "not needed"))
        with pytest.raises(IncumbentError, match="was deleted"):
            registry.promote(1, "please")
        assert other.champion() is None


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_of_eight_processes_one_wins_each_promotion_and_no_event_is_lost(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    place = Place(tmp_path / "registry", url)
    with place.open() as registry:
        numbers = [submit(registry, name, tmp_path).number for name in "abcdefgh"]
        with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
            decisions = sum(pool.map(become_champion, [place] * 8, numbers))
        promotions = registry.history(kind="promote")
        champions = [None, *(event.version for event in promotions)]
        assert [event.told(Promotion).displaced for event in promotions] == champions[:-1]
        assert sorted(event.version for event in promotions) == numbers
        assert len(registry.history(kind="decide")) == decisions
        assert len(registry.history(kind="open")) == decisions  # each against another champion
        assert len(registry.history()) == 8 + 2 * decisions + 8
        assert list(problems(registry)) == []


# --- disks that are full or cannot be written ---------------------------------------------------


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something on a folder; skips the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting needs root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Write until the disk has no room left."""
    with (folder / "filler").open("wb", buffering=0) as stream:
        try:
            while stream.write(bytes(4096)):
                pass
        except OSError:
            return


@contextmanager
def unchanged(place: Place) -> Iterator[None]:
    """Nothing that the registry holds is different afterwards, and nothing of it is broken."""
    with place.open() as registry:
        before = all_of(registry)[:3]
    yield
    with place.open() as registry:
        assert all_of(registry)[:3] == before
        assert list(problems(registry)) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_full_disk_changes_nothing_and_says_so(change: str, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        place = Place(disk / "registry")
        prepare(place, change, tmp_path)
        with unchanged(place):
            with place.open() as registry:
                fill(disk)
                with pytest.raises(IncumbentError, match="nothing was changed"):
                    CHANGES[change](registry, tmp_path)
            (disk / "filler").unlink()
        with place.open() as registry:
            CHANGES[change](registry, tmp_path)
            assert list(problems(registry)) == []


def change_with_small_files(change: str, place: Place, folder: Path) -> str:
    """What a change says in a process that may not write files of more than 100 bytes."""
    with place.open() as registry:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        try:
            CHANGES[change](registry, folder)
        except IncumbentError as error:
            return str(error)
    return "done"


@pytest.mark.parametrize("change", CHANGES)
def test_a_quota_that_is_used_up_changes_nothing_and_says_so(change: str, tmp_path: Path) -> None:
    place = Place(tmp_path / "registry")
    prepare(place, change, tmp_path)
    made("second", tmp_path)  # while it is allowed
    with (
        unchanged(place),
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        said = pool.submit(change_with_small_files, change, place, tmp_path).result()
    assert "nothing was changed" in said


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Root writes where permissions say no, so for root the folder is mounted read-only."""
    if os.geteuid() == 0:
        with mounted(folder, "--bind", "-o", "ro", str(folder)):
            yield
        return
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.parametrize("change", CHANGES)
def test_a_read_only_store_changes_nothing_and_says_so(change: str, tmp_path: Path) -> None:
    place = Place(tmp_path / "registry")
    prepare(place, change, tmp_path)
    with (
        unchanged(place),
        read_only(place.root),
        pytest.raises(IncumbentError, match=r"cannot open|nothing was changed"),
        place.open() as registry,
    ):
        CHANGES[change](registry, tmp_path)


# --- bytes that change --------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def with_rival(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[str], Registry]]:
    """A registry with a champion and a winner, after some SQL that nobody should have run."""
    postgresql = request.param == "postgresql"
    url = request.getfixturevalue("postgresql") if postgresql else None
    with Place(tmp_path / "registry", url).open() as registry:
        win(registry, "first", tmp_path)
        decide(registry, submit(registry, "second", tmp_path))
        decide(registry, submit(registry, "third", tmp_path))

        def damaged(statement: str) -> Registry:
            with registry.engine.begin() as connection:
                assert connection.execute(text(statement)).rowcount > 0
            return registry

        yield damaged


DECIDED = "kind = 'decide' AND number = 2"
FLIPS = {
    "the alias row": "UPDATE aliases SET number = 3",
    "the alias is gone": "DELETE FROM aliases",
    "a letter of a version": "UPDATE versions SET record = replace(record, 'tester', 'Tester')",
    "a version that is no JSON": "UPDATE versions SET record = replace(record, '{', '[')",
    "a tombstone": "UPDATE versions SET deleted = TRUE WHERE number = 2",
    "a letter of an event": "UPDATE events SET record = replace(record, 'because', 'becauze')",
    "an event that is no JSON": f"UPDATE events SET record = '' WHERE {DECIDED}",
    "the digest of an event": f"UPDATE events SET digest = '0' WHERE {DECIDED}",
    "the kind beside an event": f"UPDATE events SET kind = 'reject' WHERE {DECIDED}",
    "the version beside an event": f"UPDATE events SET number = 1 WHERE {DECIDED}",
    "the family beside an event": f"UPDATE events SET family = 'x' WHERE {DECIDED}",
    "an event is gone": f"DELETE FROM events WHERE {DECIDED}",
}


@pytest.mark.parametrize("flip", FLIPS)
def test_a_changed_row_is_found_and_nothing_is_promoted_on_it(
    flip: str, with_rival: Callable[[str], Registry]
) -> None:
    registry = with_rival(FLIPS[flip])
    assert list(problems(registry))
    with pytest.raises(IncumbentError):
        registry.promote(2, "please")
    assert registry.history(kind="promote")[-1].version == 1


def test_a_version_beside_another_adapter_is_found(with_rival: Callable[[str], Registry]) -> None:
    registry = with_rival("UPDATE versions SET adapter = 'another' WHERE number = 2")
    assert list(problems(registry)) == ["test v2 stands beside another adapter than its own"]


def test_a_no_that_was_changed_into_something_else_is_still_no(
    with_rival: Callable[[str], Registry],
) -> None:
    registry = with_rival("UPDATE aliases SET name = name")
    registry.reject(2, "harmful")
    with_rival("UPDATE events SET kind = 'open' WHERE kind = 'reject'")
    with pytest.raises(IncumbentError, match=r"event \d+ was changed: its kind is 'reject'"):
        registry.promote(2, "please")


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_flipped_byte_in_any_artifact_of_a_version_is_found(tmp_path: Path) -> None:
    with Place(tmp_path / "registry").open() as registry:
        decide(registry, submit(registry, "first", tmp_path))
        stored = sorted((tmp_path / "registry" / "artifacts").glob("??/*"))
        for path in stored:
            whole = path.read_bytes()
            flip_a_byte(path)
            assert list(problems(registry)), path
            path.write_bytes(whole)
        # Two files, their list, the dataset, evidence, policy, decision, eval set and its prompts.
        assert len(stored) == 9
        assert list(problems(registry)) == []


def test_a_promotion_needs_every_byte_that_it_rests_on(tmp_path: Path) -> None:
    with Place(tmp_path / "registry").open() as registry:
        version = decide(registry, submit(registry, "first", tmp_path))
        decided = registry.history(kind="decide")[0].told(DecisionMade)
        manifest = registry.artifacts.manifest(version.adapter.files)
        rests_on = [version.adapter.files, *manifest.values()]
        rests_on += [decided.decision, decided.evidence]
        for digest in rests_on:
            path = tmp_path / "registry" / "artifacts" / digest[:2] / digest
            whole = path.read_bytes()
            flip_a_byte(path)
            with pytest.raises(IncumbentError, match="damaged"):
                registry.promote(version.number, "please")
            path.write_bytes(whole)
        assert registry.promote(version.number, "whole again") == version
