"""Slots of a replica: who goes to make room, who never does, and when people are warned."""

import logging

import pytest

from registry.store import Registry
from serving.deploying.pools import Slots
from tests.serving.deploying.conftest import MakeAdapter, Site, settings
from tests.serving.deploying.fake_replica import FakeReplica
from tests.serving.deploying.test_follower import open_experiment


def name(version: int, family: str = "bank") -> str:
    return f"{family}-v{version}-0123456789ab"


def slots(*loaded: str, kept: tuple[str, ...] = (), busy: tuple[str, ...] = ()) -> Slots:
    return Slots("bank", 3, frozenset(loaded), frozenset(kept), frozenset(busy))


@pytest.mark.parametrize(
    ("state", "goes"),
    [
        (slots(name(9), name(10), name(2)), name(2)),
        (slots(name(1), name(2), kept=(name(1),)), name(2)),
        (slots(name(1), name(2), busy=(name(1),)), name(2)),
        (slots(name(1), kept=(name(1),)), None),
        (slots("sql-lora", name(1, "shop"), "bank-v0-0123456789ab", "bank-v1-short"), None),
    ],
)
def test_the_oldest_of_this_family_that_nobody_needs_goes(state: Slots, goes: str | None) -> None:
    assert state.free_one() == goes


def test_what_answers_still_is_waited_for() -> None:
    assert slots(name(1), busy=(name(1),)).waits
    assert not slots(name(1), "other", kept=(name(1),)).waits


def test_people_are_warned_when_a_further_version_would_find_no_place() -> None:
    assert slots(name(1), name(2), name(3), kept=(name(1), name(2))).alarm() is None
    warning = slots(name(1), name(2), "other", kept=(name(1), name(2))).alarm()
    assert warning is not None and "--max-loras" in warning


def test_ten_promotions_never_hold_more_than_the_slots(site: Site) -> None:
    for number in range(10):
        site.promote(f"w{number}")
        site.follow()
        assert site.deployed == number + 1
    assert [replica.most for replica in site.replicas] == [3, 3]


def test_others_adapters_are_never_unloaded_but_count(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    for replica in site.replicas:
        replica.others = frozenset({"sql-lora", "tone-lora"})
    site.promote("ant")
    with caplog.at_level(logging.WARNING):
        site.follow()
        site.follow()
    assert site.deployed == 1
    assert caplog.text.count("a further version finds no place") == 2  # once for each replica
    assert all(r.alarm for r in site.follower.state().replicas)
    two = site.promote("bee")
    site.follow()
    assert site.deployed == 1
    assert site.failures() == [(two, "load", "http://one"), (two, "load", "http://two")]
    assert [replica.most for replica in site.replicas] == [3, 3]


def test_a_champion_with_its_previous_version_and_an_experiment_is_no_alarm(site: Site) -> None:
    site.promote("ant")
    site.promote("bee")
    open_experiment(site, site.submit("cat"))
    site.follow()
    site.follow()
    assert [len(replica.loaded) for replica in site.replicas] == [3, 3]
    assert not any(r.alarm for r in site.follower.state().replicas)


def test_an_adapter_that_answers_still_is_unloaded_after_it(
    registry: Registry, make_adapter: MakeAdapter
) -> None:
    replica = FakeReplica()
    site = Site(registry, make_adapter, [replica], settings(("a-base", [replica]), slots=2))
    site.promote("ant")
    site.follow()
    old = site.deployment(1)
    site.promote("bee")
    with site.table.answering(old, replica):
        site.follow()
        site.promote("cat")
        site.follow()
        assert site.deployed == 2 and site.name(1) in replica.loaded
        assert site.failures() == []
    site.follow()
    assert site.deployed == 3 and site.name(1) not in replica.loaded


def test_a_version_in_an_experiment_keeps_its_slot(site: Site) -> None:
    site.promote("ant")
    two = site.submit("bee")
    open_experiment(site, two)
    site.follow()
    for weights in ("cat", "dog"):
        number = site.promote(weights)
        site.follow()
        assert site.deployed == number
    assert all(site.name(two) in replica.loaded for replica in site.replicas)
