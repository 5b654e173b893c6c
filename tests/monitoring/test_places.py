"""Where a family's traffic is: one place counts, each change is on record."""

import pytest
from sqlalchemy import Engine, select

from monitoring.night_context import MarkedFolder, OtherPlaceError, place_of, settle
from registry.storage.tables import places

pytest_plugins = ["tests.servers"]


@pytest.fixture
def engine(each_engine: Engine) -> Engine:
    return each_engine


def place(mark: str, family: str = "bank") -> MarkedFolder:
    return MarkedFolder(
        family=family,
        kind="traffic",
        mark=mark,
        location=f"/{mark}",
        at="2026-03-06T00:00:00.000Z",
        by="tester",
    )


def marks(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [*connection.execute(select(places.c.mark).order_by(places.c.id)).scalars()]


def test_the_newest_place_counts_and_the_others_stay_on_record(engine: Engine) -> None:
    assert place_of(engine, "bank", "traffic") is None
    settle(engine, place("a"), instead_of=None)
    settle(engine, place("b"), instead_of="a")
    assert place_of(engine, "bank", "traffic") == place("b")
    assert marks(engine) == ["a", "b"]


def test_whoever_comes_second_changes_nothing(engine: Engine) -> None:
    settle(engine, place("a"), instead_of=None)
    for seen in (None, "c"):
        with pytest.raises(OtherPlaceError, match=r"the traffic of bank is at /a \(mark a, by"):
            settle(engine, place("b"), instead_of=seen)
    assert marks(engine) == ["a"]


def test_each_family_has_a_place_of_its_own(engine: Engine) -> None:
    settle(engine, place("a"), instead_of=None)
    settle(engine, place("b", "shop"), instead_of=None)
    assert place_of(engine, "bank", "traffic") == place("a")
