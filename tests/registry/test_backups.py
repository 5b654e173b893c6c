"""A registry goes into one archive and comes back whole, whichever database and store it is in."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from project.errors import IncumbentError, InputError
from project.records.events import Submission
from project.records.record import Digest
from registry.artifacts.blobs import LocalBlobs
from registry.audit import problems
from registry.backups.archive import open_archive
from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.garbage import collect
from registry.jobs import outbox, runs
from registry.jobs.deliveries import newest_notices, record_try
from registry.jobs.heartbeats import Heartbeat, beat, living
from registry.jobs.outbox import Notice, revive
from registry.jobs.places import Place as Folder
from registry.jobs.places import history_of, settle
from registry.roles import Roles
from registry.storage.database import writing
from registry.storage.tables import metadata
from registry.store import Registry
from tests.archives import members_of, told, with_rows, write
from tests.databases import copy_of
from tests.places import Place, submit, ticking, win
from tests.registries import make

pytest_plugins = ["tests.servers"]

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEASE, HOUR = timedelta(minutes=10), timedelta(hours=1)
LATER = NOW + HOUR
Rows = dict[str, list[Any]]


def used(place: Place, folder: Path) -> Place:
    """A champion, and what jobs leave: a night that is done, one that runs, notices, a folder."""
    with place.open(ticking()) as registry:
        win(registry, "first", folder)
        win(registry, "second", folder)
        registry.delete(submit(registry, "third", folder).number, "not needed")
        for day in (1, 2):
            claim = runs.claim(registry.engine, "nightly", date(2026, 3, day), "old", NOW, LEASE)
            assert claim is not None
            if day == 1:
                with writing(registry.engine) as connection:
                    runs.finish(connection, claim, NOW, "done")
        beat(registry.engine, heartbeat())
        for key in ("sent", "pending"):
            with writing(registry.engine) as connection:
                outbox.put(connection, notice(key), NOW)
        letter = outbox.take(registry.engine, NOW, HOUR)
        assert letter is not None
        letter = record_try(registry.engine, letter, "webhook", "host", NOW, 1.0, None)
        outbox.close(registry.engine, letter, NOW)
        settle(registry.engine, folder_at("/old"), instead_of=None)
    return place


def heartbeat() -> Heartbeat:
    return Heartbeat(
        holder="old", at="2026-03-02T12:00:00Z", doing=None, next_job=None, next_at=None
    )


def notice(key: str) -> Notice:
    return Notice(key=key, kind="night", text=f"the words of {key}, “quoted”\u2028and cut")


def folder_at(location: str) -> Folder:
    at = "2026-03-02T12:00:00.000Z"
    return Folder(family="test", kind="traffic", mark=location, location=location, at=at, by="t")


def rows_of(registry: Registry) -> Rows:
    """Everything in the database."""
    with registry.engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in metadata.sorted_tables
        }


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
        put_one_of_each(registry)
        assert list(problems(registry)) == []


def put_one_of_each(registry: Registry) -> None:
    """New rows in the tables that count their rows themselves."""
    with writing(registry.engine) as connection:
        outbox.put(connection, notice("new"), LATER)
        observed = {"experiment": 1, "unit": "u", "arm": "champion", "metric": "rating"}
        row = observed | {"value": 1.0, "at": "2026"}
        connection.execute(insert(metadata.tables["observations"]).values(row))
    letter = outbox.take(registry.engine, LATER, HOUR)
    assert letter is not None
    record_try(registry.engine, letter, "webhook", "host", LATER, 1.0, "no answer")
    settle(registry.engine, folder_at("/new"), instead_of="/old")
    assert [one.location for one in history_of(registry.engine, "test", "traffic")] == [
        "/old",
        "/new",
    ]


def test_an_archive_on_an_object_store_shows_when_it_is_whole(
    object_store: str, tmp_path: Path, new: Place
) -> None:
    to = f"{object_store}/archive.tar"
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        blobs = registry.artifacts.blobs
        registry.artifacts.blobs = Meanwhile(tmp_path / "old" / "artifacts", break_off)
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
        blobs = Meanwhile(new.root / "artifacts", lambda: restore(quicker, archive), at="take")
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


# --- what must be there -------------------------------------------------------------------------


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


class Meanwhile(LocalBlobs):
    """A folder of artifacts; something else comes in before the first call of one kind."""

    def __init__(self, root: Path, meanwhile: Callable[[], object], at: str = "pieces") -> None:
        super().__init__(root)
        self.meanwhile, self.at = [meanwhile], at

    def come_in(self, at: str) -> None:
        while self.at == at and self.meanwhile:
            self.meanwhile.pop()()

    def pieces(self, name: Digest) -> Any:
        self.come_in("pieces")
        return super().pieces(name)

    def sizes(self) -> dict[Digest, int]:
        self.come_in("sizes")
        return super().sizes()

    def take(self, files: Any) -> list[Digest]:
        self.come_in("take")
        return super().take(files)


def break_off() -> None:
    raise KeyboardInterrupt


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


# --- what was about the old machine -------------------------------------------------------------


def test_no_lease_and_no_scheduler_of_the_old_machine_seems_to_live(
    archive: str, new: Place
) -> None:
    with new.open(lambda: NOW + timedelta(minutes=1)) as registry:
        restore(registry, archive)
        assert living(registry.engine) == ()
        done, stopped = reversed(runs.runs_of(registry.engine, "nightly"))
        assert (done.state, done.record) == (runs.RunState.FINISHED, "done")
        assert str(stopped).endswith("the registry was restored from a backup meanwhile")
        again = runs.claim(registry.engine, "nightly", stopped.date, "new", registry.clock(), LEASE)
        assert again is not None
        assert again.attempt == 1


def test_a_notice_that_may_have_been_sent_waits_for_a_person(archive: str, new: Place) -> None:
    with new.open(lambda: LATER) as registry:
        restore(registry, archive)
        assert outbox.take(registry.engine, LATER, HOUR) is None
        assert revive(registry.engine, LATER) == 0, "a scheduler's start sends nothing twice"
        pending, sent = newest_notices(registry.engine, 9)
        assert (pending.state, sent.state) == ("given up", "sent")
        assert "it may have been sent since" in str(pending.tries[-1])
        assert revive(registry.engine, LATER, notice=pending.id) == 1
        letter = outbox.take(registry.engine, LATER, HOUR)
        assert letter is not None
        record_try(registry.engine, letter, "webhook", "host", LATER, 1.0, "no answer")
        outbox.postpone(registry.engine, letter, LATER, None)
        assert revive(registry.engine, LATER) == 1, "a person sent it, and it failed"


# --- schemas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_an_archive_of_an_older_schema_is_brought_up_to_date(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It had another table of looks, of which a migration makes the one of now."""
    shutil.copytree(make.ROOT / "before-numerics", tmp_path / "old")
    tables = rows_of_schema_2(tmp_path / "old" / "registry.db")
    archive = tmp_path / "archive.tar"
    with Place(tmp_path / "old").open() as registry:
        back_up(registry, str(archive))
        looks = rows_of(registry)["looks"]
    now = members_of(archive)
    old = with_rows({n: d for n, d in now.items() if not n.startswith("tables/")}, tables)
    old = told(old, revision="0002", tables=[{"name": name} for name in tables])
    url = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    with Place(tmp_path / "new", url).open() as registry:
        restore(registry, str(write(tmp_path / "older.tar", old.items())))
        assert rows_of(registry)["looks"] == looks
        assert list(problems(registry)) == []
        with writing(registry.engine) as connection:
            outbox.put(connection, notice("new"), LATER)


SCHEMA_2 = ("versions", "aliases", "openings", "events", "runs", "heartbeats", "outbox")


def rows_of_schema_2(file: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of a database before it is opened, and with that migrated."""
    logical = {"deleted", "promoted"}
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("SELECT * FROM alembic_version").fetchone()[0] == "0002"
        return {
            name: [
                {key: bool(row[key]) if key in logical else row[key] for key in row.keys()}  # noqa: SIM118
                for row in connection.execute(f"SELECT * FROM {name}")
            ]
            for name in (
                "versions",
                "aliases",
                "openings",
                "events",
                "runs",
                "heartbeats",
                "outbox",
            )
        }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": "incumbent-backup/2"}, "'incumbent-backup/2' was written by a newer Incumbent"),
        ({"revision": "9999"}, "schema is 9999.*install a newer one"),
    ],
    ids=["format", "schema"],
)
def test_an_archive_of_a_newer_incumbent_says_what_to_install(
    changes: dict[str, str], problem: str, archive: str, new: Place, tmp_path: Path
) -> None:
    newer = write(tmp_path / "newer.tar", told(members_of(Path(archive)), **changes).items())
    with new.open() as registry:
        with pytest.raises(IncumbentError, match=problem):
            restore(registry, str(newer))
        restore(registry, archive)
        assert list(problems(registry)) == []
