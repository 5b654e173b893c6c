"""The grants of docs/explain/security.md let each role do its own work, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from project.errors import IncumbentError
from registry.audit import problems
from registry.storage.database import connect
from registry.store import Registry
from tests.conftest import ROOT
from tests.places import Place, submit

pytest_plugins = ["tests.servers"]


@pytest.fixture
def granted(postgresql: str, tmp_path: Path) -> Iterator[Place]:
    """A registry with the three roles, which may log in."""
    [grants] = re.findall(
        r"```sql\n(.*?)```", (ROOT / "docs" / "explain" / "security.md").read_text(), re.DOTALL
    )
    engine = connect(postgresql)
    with engine.begin() as connection:
        for statement in filter(str.strip, grants.split(";")):
            connection.execute(text(statement))
        for role in ("reader", "submitter", "promoter"):
            connection.execute(text(f"ALTER ROLE incumbent_{role} LOGIN"))
    yield Place(tmp_path, postgresql)
    with engine.begin() as connection:  # roles belong to the whole server
        for role in ("reader", "submitter", "promoter"):
            connection.execute(text(f"DROP OWNED BY incumbent_{role}"))
            connection.execute(text(f"DROP ROLE incumbent_{role}"))
    engine.dispose()


def as_role(place: Place, role: str) -> Registry:
    assert place.database
    url = make_url(place.database).set(username=f"incumbent_{role}")
    return place._replace(database=url.render_as_string(hide_password=False)).open()


def test_each_role_does_its_own_work_and_no_other(granted: Place, tmp_path: Path) -> None:
    with as_role(granted, "submitter") as registry:
        version = submit(registry, "a", tmp_path)
        with pytest.raises(IncumbentError, match="permission denied for table aliases"):
            registry.promote(version.number, "mine", force=True)
    with as_role(granted, "promoter") as registry:
        registry.promote(version.number, "looked at it", force=True)
        with pytest.raises(ProgrammingError, match="permission denied for table events"):
            execute(registry, "UPDATE events SET record = ''")
        with pytest.raises(ProgrammingError, match="permission denied for table events"):
            execute(registry, "DELETE FROM events")
    with as_role(granted, "reader") as registry:
        assert registry.champion() == version
        assert [event.kind for event in registry.history()] == ["submit", "promote"]
        assert list(problems(registry)) == []
        with pytest.raises(IncumbentError, match="permission denied for table"):
            submit(registry, "b", tmp_path)


def execute(registry: Registry, statement: str) -> None:
    with registry.engine.begin() as connection:
        connection.execute(text(statement))
