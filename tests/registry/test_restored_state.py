"""A restored registry is of this version, and believes nothing of the machines that it ran on."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from monitoring.scheduling import outbox, runs
from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.outbox import newest_notices, record_try, revive
from project.errors import IncumbentError
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.notices import put
from registry.storage.database import writing
from tests.archives import members_of, told, write
from tests.places import Place
from tests.registry.next_schema import let_it_come
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
    engine: str,
    archive: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Place(tmp_path / "old").open() as registry:
        looks = rows_of(registry)["looks"]
    let_it_come(monkeypatch, tmp_path)
    url = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    with Place(tmp_path / "new", url).open() as registry:
        restore(registry, archive)
        assert rows_of(registry)["looks"] == looks
        assert list(problems(registry)) == []
        with writing(registry.engine) as connection:
            put(connection, notice("new"), LATER)
            assert connection.execute(text("SELECT versions FROM aliases")).scalars().all() == [3]


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
