"""The schema is made on first use, kept up to date, and never touched when it is newer."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from project.errors import IncumbentError, InputError
from registry.storage import database
from registry.storage.database import HEAD, MIGRATIONS, connect, writing
from registry.storage.tables import metadata
from tests.registry.next_schema import NEXT, let_it_come


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'registry.db'}"


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    with connect(url(tmp_path)).connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(connect(url(tmp_path))) as connection:
        connection.execute(text("INSERT INTO versions VALUES ('f', 1, 'a', '{}', FALSE)"))
        connection.execute(text("INSERT INTO aliases VALUES ('f', 'champion', 1)"))
    let_it_come(monkeypatch, tmp_path)
    with connect(url(tmp_path)).connect() as connection:
        assert database.revision(connection) == NEXT
        assert connection.execute(text("SELECT number FROM aliases")).scalar() == 1
        assert connection.execute(text("SELECT versions FROM aliases")).scalar() == 1


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    with writing(connect(url(tmp_path))) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(IncumbentError, match=r"schema is 9999.* install a newer one"):
        connect(url(tmp_path))
    with database.engine_of(url(tmp_path)).connect() as connection:
        assert database.revision(connection) == "9999"


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("no such url", "is no such URL"),
        ("oracle9://host/x", "is no such URL"),
        ("sqlite:////proc/none/registry.db", "cannot open"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", "cannot open"),
    ],
)
def test_a_database_that_cannot_be_opened_says_so(address: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        connect(address)


def test_a_read_only_database_changes_nothing_and_says_so(tmp_path: Path) -> None:
    connect(url(tmp_path)).dispose()
    engine = connect(f"sqlite:///file:{tmp_path / 'registry.db'}?mode=ro&uri=true")
    with (
        pytest.raises(IncumbentError, match=r"nothing was changed: .*readonly"),
        writing(engine) as connection,
    ):
        connection.execute(text("DELETE FROM alembic_version"))
