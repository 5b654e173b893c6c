"""The registry does the same on SQLite and PostgreSQL, on a folder and in an object store."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from project.errors import IncumbentError, InputError
from registry.audit import problems
from registry.garbage import collect
from registry.storage import database
from registry.storage.artifact_store import Blobs
from registry.storage.database import connect, writing
from registry.storage.tables import metadata
from tests.places import Place, submit, ticking, win

pytest_plugins = ["tests.servers"]

# Each database and each kind of store once: neither knows of the other.
PLACES = ["sqlite folder", "postgresql folder", "sqlite s3", "sqlite memory"]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    engine, _, store = request.param.partition(" ")
    url = request.getfixturevalue("postgresql") if engine == "postgresql" else None
    artifacts = {"folder": None, "memory": f"memory://{tmp_path.name}"}
    if store == "s3":
        return Place(tmp_path / "registry", url, request.getfixturevalue("object_store"))
    return Place(tmp_path / "registry", url, artifacts[store])


def test_a_winner_becomes_champion_and_is_rolled_back(place: Place, tmp_path: Path) -> None:
    with place.open(ticking()) as registry:
        first, second = (win(registry, name, tmp_path) for name in "ab")
        assert registry.champion() == second
        assert registry.rollback("worse in use") == first
        assert [event.kind for event in registry.history()] == [
            *("submit", "open", "decide", "promote") * 2,
            "rollback",
        ]
        middle = registry.history(kind="promote")[0].at
        assert registry.state(at=middle).aliases == {"champion": 1}
        assert list(problems(registry)) == []


def test_what_one_process_wrote_another_one_reads(place: Place, tmp_path: Path) -> None:
    with place.open() as registry:
        first = win(registry, "a", tmp_path)
    with place.open() as again:
        assert again.champion() == first
        folder = again.artifacts.check_out(first.adapter.files, tmp_path / "copy")
        assert (folder / "adapter_model.safetensors").read_bytes() == b"a" * 100


def test_garbage_is_what_a_deleted_version_leaves(place: Place, tmp_path: Path) -> None:
    with place.open() as registry:
        win(registry, "a", tmp_path)
        gone = submit(registry, "b", tmp_path)
        assert collect(registry, dry_run=False) == []
        registry.delete(gone.number, "not needed")
        weights = registry.artifacts.manifest(gone.adapter.files)["adapter_model.safetensors"]
        garbage = sorted([weights, gone.adapter.files])
        assert collect(registry) == garbage
        assert registry.artifacts.blobs.exists(weights)
        assert collect(registry, dry_run=False) == garbage
        assert not registry.artifacts.blobs.exists(weights)
        assert list(problems(registry)) == []


def test_two_writers_at_once_share_one_numbering(place: Place, tmp_path: Path) -> None:
    def write(names: str) -> list[int]:
        with place.open() as registry:
            return [submit(registry, name, tmp_path).number for name in names]

    with place.open() as registry, ThreadPoolExecutor(2) as pool:
        numbers = [number for some in pool.map(write, ["abcd", "efgh"]) for number in some]
        assert sorted(numbers) == list(range(1, 9))
        assert [event.version for event in registry.history()] == list(range(1, 9))
        assert list(problems(registry)) == []


def test_more_threads_than_the_database_gives_connections_all_finish(
    place: Place, tmp_path: Path
) -> None:
    with place.open() as registry, ThreadPoolExecutor(20) as pool:
        first, second = (win(registry, name, tmp_path) for name in "ab")
        targets = [first.number, second.number] * 10
        list(pool.map(lambda to: registry.rollback("back and forth", to=to), targets))
        assert list(problems(registry)) == []


def test_a_damaged_artifact_is_found_anywhere(place: Place, tmp_path: Path) -> None:
    with place.open() as registry:
        first = win(registry, "a", tmp_path)
        weights = registry.artifacts.manifest(first.adapter.files)["adapter_model.safetensors"]
        registry.artifacts.blobs.write(weights, b"b" + b"a" * 99)
        (problem,) = problems(registry)
        assert "test v1: artifact" in problem
        assert "is damaged" in problem


def open_new(url: str) -> None:
    connect(url).dispose()


def test_many_first_users_make_one_schema_on_postgresql(postgresql: str) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        list(pool.map(open_new, [postgresql] * 4))
    engine = connect(postgresql)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        versions = connection.execute(text("SELECT version_num FROM alembic_version"))
        assert versions.scalars().all() == [database.HEAD]
    engine.dispose()


def test_a_newer_schema_on_postgresql_is_refused_and_left_alone(postgresql: str) -> None:
    engine = connect(postgresql)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(IncumbentError, match=r"schema is 9999.* install a newer one"):
        connect(postgresql)
    with engine.connect() as connection:
        assert database.revision(connection) == "9999"
    engine.dispose()


def test_an_object_store_that_refuses_says_so(object_store: str) -> None:
    blobs = Blobs(object_store.replace("s3://bucket", "s3://No Bucket"))
    with pytest.raises(IncumbentError, match="could not be written, and nothing was changed"):
        blobs.write("0" * 64, b"data")


def test_a_local_folder_by_url_is_written_as_safely_as_by_path(tmp_path: Path) -> None:
    assert Blobs(f"file://{tmp_path}/store").store.folder == tmp_path / "store"


def test_a_password_in_a_stores_address_is_in_no_message() -> None:
    assert Blobs("http://ann:secret@127.0.0.1:9/store").location == "http://127.0.0.1:9/store"
    with pytest.raises(InputError, match=r"cannot open pigeon://host/store: "):
        Blobs("pigeon://ann:secret@host/store")


def test_an_object_store_that_is_none_is_bad_input() -> None:
    with pytest.raises(InputError, match="cannot open carrier-pigeon://coop: "):
        Blobs("carrier-pigeon://coop")
