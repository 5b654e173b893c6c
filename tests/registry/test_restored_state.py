"""A restored registry is of this version, and believes nothing of the machines that it ran on."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from project.errors import IncumbentError
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.jobs import outbox, runs
from registry.jobs.deliveries import newest_notices, record_try
from registry.jobs.heartbeats import living
from registry.jobs.outbox import revive
from registry.storage.database import writing
from tests.archives import members_of, told, with_rows, write
from tests.places import Place
from tests.registries import make
from tests.used_registry import HOUR, LATER, LEASE, NOW, notice, rows_of, used

pytest_plugins = ["tests.servers"]


@pytest.fixture
def archive(tmp_path: Path) -> str:
    to = str(tmp_path / "archive.tar")
    with used(Place(tmp_path / "old"), tmp_path).open() as registry:
        back_up(registry, to)
    return to


@pytest.fixture
def new(tmp_path: Path) -> Place:
    return Place(tmp_path / "new")


# --- the old machine ----------------------------------------------------------------------------


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


# --- other versions -----------------------------------------------------------------------------


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
