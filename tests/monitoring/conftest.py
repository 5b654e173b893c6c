"""Databases of a scheduler, and a watched family, as most tests of nights want them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from monitoring.night_context import NightContext
from registry.storage.database import connect
from tests.quick_nights import Make, watched_site
from tests.scheduling import Clock


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'registry.db'}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def each_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Of a module with `pytest_plugins = ["tests.servers"]`: either database."""
    postgresql = request.param == "postgresql"
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    engine = connect(request.getfixturevalue("postgresql") if postgresql else url)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-03-10T03:00:00Z")


@pytest.fixture
def context(make_adapter: Make) -> Iterator[NightContext]:
    """A champion, and three days of traffic before its first night."""
    with watched_site(make_adapter) as made:
        yield made
