"""The follower: adapters on every replica first, then the traffic, and all of it repaired."""

import asyncio
from collections.abc import Callable

import pytest

from evaluation.generation.backends.backend import UNREACHABLE, BackendError, Endpoint
from project.errors import IncumbentError
from project.records.adapters import AdapterVersion
from project.records.events import Deployed, ExperimentEnded, ExperimentOpened
from registry.deployment_history import deployments
from registry.storage.database import writing
from serving.deploying.route_table import RouteTable
from tests.serving.deploying.conftest import Site
from tests.serving.deploying.fake_replica import Call, FakeReplica, half_right, words_of


def test_a_promotion_reaches_every_replica_before_the_traffic_moves(site: Site) -> None:
    number = site.submit("ant")
    site.follow()
    assert site.table.champion is None and not site.follower.state().ready
    assert str(site.follower.state()) == "test: no champion, so nothing answers"
    site.registry.promote(number, "by hand", force=True)
    site.follow()
    assert site.deployed == number
    assert all(site.table.holds(site.deployment(number), r.replica) for r in site.replicas)
    (event,) = site.registry.history(kind="deploy")
    told = event.told(Deployed)
    assert told.name == site.name(number) and told.engine == "fake 1.0"
    assert told.replicas == ("http://one", "http://two")
    assert (told.golden, told.agreement, told.displaced) == (8, "1.0", None)
    state = site.follower.state()
    assert state.ready and not state.differs
    assert state.adapter == site.registry.version(number).adapter.files
    asked = [replica.calls["answer"] for replica in site.replicas]
    site.follow()  # a second look changes nothing and asks nothing
    assert [replica.calls["answer"] for replica in site.replicas] == asked
    assert site.moves() == [number]


def test_the_previous_version_stays_loaded_and_a_rollback_needs_no_load(site: Site) -> None:
    one, two = site.promote("ant"), site.promote("bee")
    site.follow()
    assert site.deployed == two
    assert site.table.deployed(one) is not None
    loads = [replica.calls["load"] for replica in site.replicas]
    site.registry.rollback("it hurts")
    site.follow()
    assert site.deployed == one
    assert [replica.calls["load"] for replica in site.replicas] == loads
    assert site.moves() == [two, one]
    assert site.table.previous is None  # nobody goes back to what was rolled back


def test_after_a_withdrawal_nothing_answers_until_the_version_is_brought_back(site: Site) -> None:
    number = site.promote("ant")
    site.follow()
    site.registry.withdraw(number, "it invents fees")
    site.follow()
    assert site.deployed is None and site.table.champion is None
    assert not site.follower.state().ready
    (tenure,) = deployments(site.registry).tenures
    assert tenure.until == site.registry.history(kind="withdraw")[0].at
    site.registry.rollback("it was the prompt", to=number)
    site.follow()
    assert site.deployed == number and site.moves() == [number, number]


def test_a_replica_that_is_away_does_not_hinder_the_others(site: Site) -> None:
    site.replicas[1].down = True
    number = site.promote("ant")
    site.follow()
    assert site.deployed == number and site.failures() == []
    (event,) = site.registry.history(kind="deploy")
    assert event.told(Deployed).replicas == ("http://one",)


def test_people_are_told_once_that_a_replica_is_away_and_once_that_it_answers(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "serving.deploying.pools")
    site.promote("ant")
    for down in (False, True, True, True, False, False):
        site.replicas[1].down = down
        site.follow()
    away, back = (r.getMessage() for r in caplog.records if r.name == "serving.deploying.pools")
    assert away.startswith("http://two does not answer: ")
    assert back == "http://two answers again"


def test_one_that_comes_back_is_loaded_and_checked_before_it_gets_requests(site: Site) -> None:
    site.replicas[1].down = True
    number = site.promote("ant")
    site.follow()
    site.replicas[1].restart()
    site.follow()
    assert site.table.holds(site.deployment(number), "http://two")
    assert site.replicas[1].calls["answer"] > 0


def test_where_no_replica_answers_the_traffic_stays_and_it_is_told_once(site: Site) -> None:
    one = site.promote("ant")
    site.follow()
    site.promote("bee")
    for replica in site.replicas:
        replica.down = True
    site.follow()
    site.follow()
    assert site.deployed == one
    assert site.failures() == [(1, "load", None), (2, "load", None)]
    for replica in site.replicas:
        replica.restart()
    site.follow()
    assert site.deployed == 2 and site.follower.state().problems == ()


def test_an_adapter_whose_bytes_changed_is_loaded_nowhere(site: Site) -> None:
    number = site.promote("ant")
    files = site.registry.version(number).adapter.files
    blob = site.registry.artifacts.manifest(files)["adapter_model.safetensors"]
    site.registry.artifacts.blobs.write(blob, b"bee")
    site.follow()
    assert site.deployed is None
    assert site.failures() == [(number, "verify", None)]
    assert all(replica.calls["load"] == 0 for replica in site.replicas)


def test_a_replica_that_refuses_an_adapter_keeps_the_traffic_where_it_is(site: Site) -> None:
    one = site.promote("ant")
    site.follow()
    site.replicas[1].before = refusing("load", 400)
    two = site.promote("bee")
    site.follow()
    assert site.deployed == one
    assert site.failures() == [(two, "load", "http://two")]
    state = site.follower.state()
    assert state.differs and "status 400" in str(state)


def test_what_failed_is_tried_after_growing_pauses_and_told_once(site: Site) -> None:
    site.replicas[0].before = refusing("load", 400)
    site.promote("ant")
    tries = []
    for _ in range(200):
        site.follow()
        tries.append(site.replicas[0].calls["load"])
        site.now += 0.01
    assert 6 <= tries[-1] <= 9  # at 0, 1, 3, 7, 15, 31, 63, 127 hundredths of a second
    assert site.failures() == [(1, "load", "http://one")]


def test_news_about_a_version_are_a_reason_to_try_at_once(site: Site) -> None:
    site.promote("ant")
    site.promote("bee")
    for replica in site.replicas:
        replica.swaps["bee"] = "ant"
    site.follow()
    for replica in site.replicas:
        replica.swaps.clear()
    site.follow()
    assert site.deployed is None  # the pause is not over
    site.registry.rollback("try the old one")
    site.follow()
    assert site.deployed == 1
    site.registry.promote(2, "again", force=True)
    site.follow()
    assert site.deployed == 2


def test_a_replica_that_lost_an_adapter_gets_no_request_until_it_is_repaired(site: Site) -> None:
    number = site.promote("ant")
    site.follow()
    site.replicas[0].restart()
    seen: list[bool] = []

    def look(call: Call, replica: FakeReplica) -> None:
        if call == "load":
            seen.append(site.table.holds(site.deployment(number), "http://one"))

    site.replicas[0].before = look
    site.follow()
    assert seen == [False]
    assert site.table.holds(site.deployment(number), "http://one")


def test_a_replica_that_misses_one_look_keeps_its_traffic_and_two_end_it(site: Site) -> None:
    number = site.promote("ant")
    site.follow()
    site.replicas[0].down = True
    site.follow()
    assert site.table.holds(site.deployment(number), "http://one")
    site.follow()
    assert not site.table.holds(site.deployment(number), "http://one")
    assert site.table.holds(site.deployment(number), "http://two")


@pytest.mark.parametrize("call", ["names", "load", "answer"])
def test_a_replica_that_dies_in_any_step_leaves_the_others_to_go_on(site: Site, call: Call) -> None:
    site.promote("ant")
    site.follow()
    site.replicas[0].before = dying(call)
    two = site.promote("bee")
    site.follow()
    site.follow()
    assert site.deployed == two
    assert site.failures() == []
    site.replicas[0].before = lambda *_: None
    site.replicas[0].restart()
    site.follow()
    assert site.table.holds(site.deployment(two), "http://one")


def test_a_gateway_that_starts_serves_what_was_deployed_until_the_champion_passes(
    site: Site,
) -> None:
    one = site.promote("ant")
    site.follow()
    site.promote("bee")
    for replica in site.replicas:
        replica.spoils = lambda answer: half_right(answer) if "bee" in answer else answer
    again = site.gateway()
    site.follow(again)
    assert again.table.champion == site.deployment(one)
    assert site.moves() == [one]


def test_a_gateway_that_starts_again_checks_what_is_loaded_and_writes_nothing(site: Site) -> None:
    number = site.promote("ant")
    site.follow()
    loads, asked = site.replicas[0].calls["load"], site.replicas[0].calls["answer"]
    again = site.gateway()
    site.follow(again)
    assert again.table.champion == site.deployment(number)
    assert site.replicas[0].calls["load"] == loads
    assert site.replicas[0].calls["answer"] > asked
    assert site.moves() == [number]


@pytest.mark.parametrize("moment", ["before the event", "after the event"])
def test_a_gateway_that_dies_while_it_moves_the_traffic_leaves_nothing_half_done(
    site: Site, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = site.promote("ant")

    def die(*_: object) -> None:
        raise SystemError("killed")

    if moment == "before the event":
        monkeypatch.setattr(site.registry, "append_event", die)
    else:
        monkeypatch.setattr(site.table, "move", die)
    with pytest.raises(SystemError):
        site.follow()
    monkeypatch.undo()
    again = site.gateway()
    site.follow(again)
    assert again.table.champion == site.deployment(number)
    assert site.moves() == [number]


def test_two_gateways_write_one_event(site: Site) -> None:
    other = site.gateway()
    for weights in ("ant", "bee", "cat"):
        site.promote(weights)

        async def both() -> None:
            await asyncio.gather(site.follower.once(), other.once())

        asyncio.run(both())
        assert other.table.champion == site.table.champion
    assert site.moves() == [1, 2, 3]


def test_a_gateway_that_is_late_does_not_move_the_traffic_back(site: Site) -> None:
    """The champion changes while the golden prompts of the one before it are asked."""
    site.promote("ant")
    site.promote("bee")
    once: list[AdapterVersion] = []

    def promote(call: Call, replica: FakeReplica) -> None:
        if call == "answer" and not once:
            once.append(site.registry.rollback("meanwhile"))

    site.replicas[0].before = promote
    site.follow()
    assert site.moves() == [] and site.deployed is None
    site.follow()
    assert site.moves() == [1] and site.deployed == 1


def test_the_same_failure_is_one_event_over_gateways_and_restarts(site: Site) -> None:
    for replica in site.replicas:
        replica.swaps["ant"] = "base"
    site.promote("ant")
    site.follow()
    site.follow(site.gateway())
    site.follow(site.gateway())
    assert site.failures() == [(1, "golden", "http://one"), (1, "golden", "http://two")]


def test_a_version_in_an_experiment_is_held_until_the_experiment_ends(site: Site) -> None:
    site.promote("ant")
    two = site.submit("bee")
    opened = open_experiment(site, two)
    site.follow()
    assert site.deployed == 1
    assert site.table.deployed(two) == site.deployment(two)
    assert site.follower.state().experiments == (two,)
    end_experiment(site, opened, two)
    site.follow()
    assert site.table.deployed(two) is None


def test_a_registry_that_fails_is_told_and_followed_again(site: Site) -> None:
    site.promote("ant")

    async def run() -> None:
        real, fails = site.registry.champion, iter([True, True])

        def champion() -> object:
            if next(fails, False):
                raise IncumbentError("the registry could not be read")
            return real()

        site.registry.champion = champion  # type: ignore[method-assign,assignment]
        following = asyncio.create_task(site.follower.run())
        while site.table.champion is None:
            site.follower.wake()
            await asyncio.sleep(0)
        following.cancel()

    asyncio.run(asyncio.wait_for(run(), 20))
    assert site.deployed == 1


def test_many_promotions_and_rollbacks_under_load_mix_and_lose_no_request(site: Site) -> None:
    """Each answer is of the weights that its name stands for, whatever moved meanwhile."""
    weights = ["ant", "bee", "cat", "dog", "elk"]
    numbers = [site.promote(name) for name in weights]
    by_name = {site.name(n): w for n, w in zip(numbers, weights, strict=True)}
    site.follow()
    for replica in site.replicas:
        replica.latency = 0.001

    async def users(table: RouteTable, answered: list[str], done: asyncio.Event) -> None:
        while not done.is_set():
            champion = table.champion
            assert champion is not None
            backend = table.replica(champion)
            assert backend is not None, "no replica holds what is routed to"
            with table.answering(champion, backend):
                body = {"model": champion.name, "messages": [{"role": "user", "content": "hm"}]}
                answer = await backend.answer(Endpoint.CHAT, body)
            text = answer["choices"][0]["message"]["content"]
            assert text == words_of(by_name[champion.name], "hm")
            answered.append(champion.name)

    async def run() -> list[str]:
        answered: list[str] = []
        done = asyncio.Event()
        asking = [asyncio.create_task(users(site.table, answered, done)) for _ in range(4)]
        for number in range(60):
            target = numbers[(number * 2) % 5]
            await asyncio.to_thread(site.registry.rollback, "to and fro", target)
            await site.follower.once()
            assert site.deployed == target
        done.set()
        await asyncio.gather(*asking)
        return answered

    answered = asyncio.run(run())
    assert {by_name[name] for name in answered} == set(weights)
    assert max(replica.most for replica in site.replicas) <= 3
    assert len(site.moves()) == 61


def refusing(call: Call, status: int) -> Callable[[Call, FakeReplica], None]:
    def before(name: Call, replica: FakeReplica) -> None:
        if name == call:
            raise BackendError(status, "adapter 'x' has rank 64\nand the most is 16")

    return before


def dying(call: Call) -> Callable[[Call, FakeReplica], None]:
    """Killed at the first such call, and away from then on."""

    def before(name: Call, replica: FakeReplica) -> None:
        if name == call:
            replica.loaded.clear()
            replica.down = True
            raise BackendError(UNREACHABLE, "connection reset")

    return before


def open_experiment(site: Site, number: int) -> int:
    opened = ExperimentOpened(
        mode="canary",
        adapter=site.registry.version(number).adapter.files,
        champion=1,
        share="0.1",
        metric="rating",
        alpha="0.05",
        guardrails=("errors",),
        salt="s",
    )
    with writing(site.registry.engine) as connection:
        return site.registry.append_event(connection, number, opened, "by hand").seq


def end_experiment(site: Site, opened: int, number: int) -> None:
    ended = ExperimentEnded(experiment=opened, verdict="stopped", result="0" * 64)
    with writing(site.registry.engine) as connection:
        site.registry.append_event(connection, number, ended, "by hand")


def test_a_replica_that_hangs_is_given_up_and_told(site: Site) -> None:
    site.params = site.params.model_copy(update={"timeout_seconds": 0.01})
    follower = site.gateway()
    site.promote("ant")
    site.replicas[1].latency = 60
    site.follow(follower)
    assert follower.table.champion is None
    assert site.failures() == [(1, "golden", "http://two")]
    assert "took longer" in site.registry.history(kind="deploy-failed")[0].reason
