"""Pools: a version goes to the replicas that hold its base."""

import asyncio

import pytest

from evaluation.evaluation_settings import Decoding
from project.errors import IncumbentError
from project.records.adapters import ModelPin
from registry.store import Registry
from serving.deploying.bare_versions import BareVersions
from serving.deploying.follower import Follower
from serving.deploying.pools import EmbeddedPools, fits, pools_of
from serving.deploying.route_table import RouteTable
from serving.serving_settings import ServingParams
from tests.conftest import BASE
from tests.serving.deploying.conftest import MakeAdapter, Site, settings
from tests.serving.deploying.fake_replica import FakeReplica

BETTER = BASE.model_copy(update={"model": "better", "name": "better", "weights": "e" * 64})


@pytest.mark.parametrize(
    ("named", "base", "fit"),
    [
        *((name, BASE, True) for name in ("m", "a-base", "b" * 64, "b" * 12)),
        ("better", BETTER, True),
        *((name, BASE, False) for name in ("b" * 11, "", "B" * 12, "e" * 12, "better")),
    ],
)
def test_a_pool_fits_by_name_or_digest(named: str, base: ModelPin, fit: bool) -> None:
    assert fits(named, base) is fit


def test_a_load_that_goes_wrong_may_end_the_gateway_where_it_computes_itself() -> None:
    assert pools_of(ServingParams()).in_process
    assert not pools_of(ServingParams(backend="llama.cpp")).in_process


@pytest.fixture
def two_pools(registry: Registry, make_adapter: MakeAdapter) -> Site:
    old, new = FakeReplica("http://old"), FakeReplica("http://new")
    return Site(registry, make_adapter, [old, new], settings(("a-base", [old]), ("better", [new])))


def test_the_traffic_moves_between_pools_and_back(two_pools: Site) -> None:
    site = two_pools
    site.promote("ant")
    site.follow()
    two = site.promote("bee", base=BETTER)
    site.follow()
    assert site.deployed == two
    assert [list(replica.loaded) for replica in site.replicas] == [[site.name(1)], [site.name(two)]]
    site.registry.rollback("it hurts")
    site.follow()
    assert site.deployed == 1


def test_a_champion_whose_base_no_pool_holds_is_told_with_the_setting(site: Site) -> None:
    site.promote("ant")
    site.follow()
    two = site.promote("bee", base=BETTER)
    site.follow()
    site.follow()
    assert site.deployed == 1
    assert site.failures() == [(two, "load", None)]
    reason = site.registry.history(kind="deploy-failed")[0].reason
    assert "serving.pools has a-base. Add one with base: better or eeeeeeeeeeee" in reason


def test_embedded_bases_are_loaded_on_demand_and_let_go(
    registry: Registry, make_adapter: MakeAdapter
) -> None:
    made: dict[str, FakeReplica] = {}

    def make(pin: ModelPin) -> FakeReplica:
        if pin.model == "absent":
            raise IncumbentError("base absent is not on this machine")
        return made.setdefault(pin.model, FakeReplica(f"embedded {pin.model}"))

    site = Site(registry, make_adapter, [FakeReplica()], settings(("a-base", [FakeReplica()])))
    params = ServingParams()
    pools, table = EmbeddedPools(params, make), RouteTable()
    follower = Follower(registry, pools, table, params, Decoding())
    site.promote("ant")
    site.follow(follower)
    site.promote("bee", base=BETTER)
    site.follow(follower)
    assert table.champion is not None and table.champion.version == 2
    assert not made["m"].closed  # v1 is held there for a rollback
    site.promote("cat", base=BETTER)
    site.follow(follower)
    site.follow(follower)
    assert made["m"].closed
    site.promote("dog", base=BASE.model_copy(update={"model": "absent", "weights": "f" * 64}))
    site.follow(follower)
    assert table.champion.version == 3
    assert "not on this machine" in registry.history(kind="deploy-failed")[-1].reason
    asyncio.run(pools.close())
    assert made["better"].closed


def test_an_embedded_engine_that_died_is_made_anew(
    registry: Registry, make_adapter: MakeAdapter
) -> None:
    made: list[FakeReplica] = []

    def make(pin: ModelPin) -> FakeReplica:
        made.append(FakeReplica("embedded"))
        return made[-1]

    site = Site(registry, make_adapter, [FakeReplica()], settings(("a-base", [FakeReplica()])))
    params = ServingParams()
    table = RouteTable()
    follower = Follower(registry, EmbeddedPools(params, make), table, params, Decoding())
    site.promote("ant")
    site.follow(follower)
    made[0].down = True
    for _ in range(3):
        site.follow(follower)
    replica = table.replica(site.deployment(1))
    assert isinstance(replica, BareVersions) and replica.inner is made[1]
    assert made[0].closed and len(made) == 2
