"""Versions by pages: what came of each, at two queries a page however many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text

from incumbent.verbs.show import print_versions
from project.errors import IncumbentError
from project.records.evidence import Verdict
from registry.store import Registry
from registry.version_search import VersionFilter, VersionStanding, search
from tests.places import Place, decide, submit, win

pytest_plugins = ["tests.servers"]


@pytest.fixture(params=["sqlite", "postgresql"])
def listed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    """A champion, one that was held after it had been rejected, one undecided, one deleted."""
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    with Place(tmp_path / "registry", url).open() as registry:
        win(registry, "a", tmp_path)
        second = decide(registry, submit(registry, "b", tmp_path), Verdict.REJECT)
        decide(registry, second, Verdict.HOLD)
        submit(registry, "c", tmp_path)
        registry.delete(submit(registry, "d", tmp_path).number, "not needed")
        yield registry


def newest(
    registry: Registry, limit: int | None = None, before: int | None = None
) -> tuple[VersionStanding, ...]:
    """As `incumbent registry versions` lists them."""
    chosen = VersionFilter(deleted=False, before=before)
    return search(registry, chosen, limit=limit).versions[::-1]


@contextmanager
def statements(registry: Registry) -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(registry.engine, "before_cursor_execute", note)
    yield asked
    event.remove(registry.engine, "before_cursor_execute", note)


def test_each_version_stands_with_its_newest_verdict(listed: Registry) -> None:
    with statements(listed) as asked:
        found = newest(listed)
    assert [(e.version.number, e.verdict, e.champion) for e in found] == [
        (1, Verdict.PROMOTE, True),
        (2, Verdict.HOLD, False),
        (3, None, False),
    ]
    assert len(asked) == 2


def test_pages_go_from_the_newest_to_the_first(listed: Registry) -> None:
    assert [e.version.number for e in newest(listed, limit=2)] == [2, 3]
    assert [e.version.number for e in newest(listed, limit=2, before=2)] == [1]
    assert newest(listed, limit=2, before=1) == ()


def test_another_alias_is_not_the_champion(listed: Registry) -> None:
    listed.point("canary", 1, "look", expected=None)
    listed.point("shadow", 2, "look", expected=None)
    assert [e.champion for e in newest(listed)] == [True, False, False]


@pytest.mark.parametrize("table", ["versions", "events"])
def test_a_row_that_was_changed_is_not_listed_as_if_it_were_not(
    table: str, listed: Registry
) -> None:
    with listed.engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET record = replace(record, '{{', '[')"))
    with pytest.raises(IncumbentError, match="`incumbent registry verify` tells"):
        newest(listed)


def test_the_page_before_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text("registry:\n  family: test\n")
    with Registry.here() as registry:
        for name in "abc":
            submit(registry, name, tmp_path)
    print_versions(limit=2)
    printed = capsys.readouterr().out
    assert "v2" in printed
    assert printed.endswith("earlier ones: --before 2\n")
    print_versions(limit=2, before=2)
    printed = capsys.readouterr().out
    assert "v1" in printed
    assert "earlier ones" not in printed
