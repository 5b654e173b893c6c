"""What a gateway that starts loads, and in which order: not what was rolled back or killed one."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from evaluation.evaluation_settings import Decoding
from serving.deploying.failures import marks_folder
from serving.deploying.follower import Follower
from serving.deploying.pools import EmbeddedPools
from serving.deploying.route_table import RouteTable
from serving.serving_settings import ServingParams
from tests.serving.deploying.conftest import Site
from tests.serving.deploying.fake_replica import Call, FakeReplica

pytestmark = pytest.mark.attack


def loaded_at_start(site: Site) -> list[str]:
    """The names that a gateway's first look puts on empty replicas, in their order."""
    for replica in site.replicas:
        replica.restart()
    site.follow(again := site.gateway())
    assert again.table.champion is not None
    return list(site.replicas[0].loaded)


def test_a_version_that_was_rolled_back_while_no_gateway_ran_is_not_loaded(site: Site) -> None:
    one, two = site.promote("ant"), site.promote("bee")
    site.follow()
    assert site.moves() == [two]
    site.registry.rollback("it harms")
    assert loaded_at_start(site) == [site.name(one)]


def test_a_version_that_was_rolled_back_while_one_ran_is_not_loaded_either(site: Site) -> None:
    one, two = site.promote("ant"), site.promote("bee")
    site.follow()
    site.registry.rollback("it harms")
    site.follow()
    assert site.moves() == [two, one]
    assert loaded_at_start(site) == [site.name(one)]


def test_a_version_that_a_person_took_back_again_is_loaded(site: Site) -> None:
    one, two = site.promote("ant"), site.promote("bee")
    site.registry.rollback("it harms")
    site.registry.promote(two, "it did not", force=True)
    assert loaded_at_start(site) == [site.name(two), site.name(one)]


def test_the_champion_is_loaded_before_what_was_deployed(site: Site) -> None:
    one = site.promote("ant")
    site.follow()
    two = site.promote("bee")
    assert loaded_at_start(site) == [site.name(two), site.name(one)]


class Deadly(EmbeddedPools):
    """An engine in this process that a load of some weights kills, as the system's OOM killer."""

    def __init__(self, name: str) -> None:
        self.replica = FakeReplica("embedded")
        self.deadly = name
        self.parent = os.getpid()
        self.replica.before = self.die
        super().__init__(ServingParams(), lambda pin: self.replica)

    def die(self, call: Call, replica: FakeReplica) -> None:
        if call == "answer" and self.deadly in replica.loaded:
            assert os.getpid() != self.parent, "it is loaded again"
            os.kill(os.getpid(), signal.SIGKILL)


def look(site: Site, pools: EmbeddedPools) -> Follower:
    table = RouteTable()
    follower = Follower(site.registry, pools, table, ServingParams(), Decoding())
    asyncio.run(follower.once())
    return follower


def killed_in_a_child(site: Site, pools: EmbeddedPools) -> bool:
    """Whether a process dies that looks once."""
    site.registry.engine.dispose()
    if (child := os.fork()) == 0:
        look(site, pools)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_load_that_killed_two_processes_is_not_tried_a_third_time(site: Site) -> None:
    one = site.promote("ant")
    site.follow()
    two = site.promote("bee")
    pools = Deadly(site.name(two))
    assert killed_in_a_child(site, pools)
    assert killed_in_a_child(site, pools)
    follower = look(site, pools)
    assert follower.table.champion == site.deployment(one)  # the traffic stays where it was
    (problem,) = follower.state().problems
    assert problem.version == two and "not loaded again" in problem.problem
    assert site.failures() == [(two, "load", None)]


def test_news_of_a_version_or_a_person_who_deletes_its_mark_let_it_be_loaded_again(
    site: Site,
) -> None:
    one = site.promote("ant")
    pools = Deadly(site.name(one))
    assert killed_in_a_child(site, pools)
    assert killed_in_a_child(site, pools)
    pools.deadly = "none"  # the machine has more memory now
    assert look(site, pools).table.champion is None
    told = site.registry.history(kind="deploy-failed")[0].reason
    (mark,) = [m for m in (marks_folder() / site.name(one)).iterdir() if str(m) in told]
    Path(mark).unlink()
    assert look(site, pools).table.champion == site.deployment(one)
    pools.deadly = site.name(one)
    pools.replica.restart()
    assert killed_in_a_child(site, pools)
    assert killed_in_a_child(site, pools)
    pools.deadly = "none"
    two = site.promote("bee")
    site.registry.rollback("the first again", to=one)
    assert look(site, pools).table.champion == site.deployment(one) and two


def test_a_gateway_that_was_killed_once_while_it_loaded_is_followed_by_one_that_answers(
    site: Site,
) -> None:
    one = site.promote("ant")
    pools = Deadly(site.name(one))
    for _ in range(2):  # the second one is killed once too, and not the second time
        assert killed_in_a_child(site, pools)
        pools.deadly = "none"
        assert look(site, pools).table.champion == site.deployment(one)
        assert not list((marks_folder() / site.name(one)).iterdir())
        pools.deadly = site.name(one)
        pools.replica.restart()


def test_a_load_that_ends_leaves_no_mark(site: Site) -> None:
    one = site.promote("ant")
    look(site, Deadly("none"))
    assert not list((marks_folder() / site.name(one)).iterdir())
