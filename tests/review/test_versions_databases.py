"""The lists of the pages are the same on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.duties import waiting_reviews
from project.records.evidence import Verdict
from registry.store import Registry
from registry.version_search import EventFilter, VersionFilter, family_tree, newest_events, search
from tests.places import Place, decide, submit, ticking, win

pytest_plugins = ["tests.servers"]


@pytest.fixture(params=["sqlite", "postgresql"])
def story(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    """A champion, a winner that waits, one that is held."""
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    with Place(tmp_path / "registry", url).open(ticking()) as registry:
        win(registry, "a", tmp_path)
        decide(registry, submit(registry, "b", tmp_path))
        decide(registry, submit(registry, "c", tmp_path), Verdict.HOLD)
        yield registry


def seqs(registry: Registry, chosen: EventFilter) -> list[int]:
    with registry.engine.connect() as connection:
        return [event.seq for event in newest_events(connection, "test", chosen, limit=3)]


def test_events_are_filtered(story: Registry) -> None:
    assert seqs(story, EventFilter()) == [10, 9, 8]
    assert seqs(story, EventFilter(actor="tester", kinds=("promote", "submit"))) == [8, 5, 4]
    assert seqs(story, EventFilter(actor="somebody else")) == []
    assert seqs(story, EventFilter(since="2026-01-01T00:00:00.000Z", version=1)) == [4, 3, 2]
    assert seqs(story, EventFilter(until="2025-12-31T23:59:59.999Z")) == []
    assert seqs(story, EventFilter(text="MADE b", without=("decide",))) == [5]


def test_versions_are_filtered(story: Registry) -> None:
    def numbers(**chosen: object) -> list[int]:
        found = search(story, VersionFilter.model_validate(chosen), limit=2)
        return [one.version.number for one in found.versions]

    assert numbers() == [3, 2]
    assert numbers(verdict="PROMOTE", promoted=False, rejected=False, deleted=False) == [2]
    assert numbers(promoted=True, text="A-Base") == [1]
    assert search(story, VersionFilter(), limit=2, skip=2).versions[0].champion


def test_what_waits_and_where_versions_come_from(story: Registry) -> None:
    waiting = waiting_reviews(story, 5)
    assert [one.version.number for one in waiting.newest] == [2]
    assert [move.version for move in family_tree(story, None).moves] == [1]
