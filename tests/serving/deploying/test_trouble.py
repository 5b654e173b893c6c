"""The follower in trouble: a rollback while a replica hangs, a disk that is full, odd engines."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.generation.backends.backend import BUSY, BackendError, Engine
from project.errors import IncumbentError
from project.files import home
from project.records.events import Deployed
from registry.attestation import attest
from registry.deployment_history import wanted
from registry.registry_settings import SigningKeys
from registry.signatures import make_keys, sign
from serving.deploying import follower as module
from serving.deploying import version_loading
from serving.exchange import deployment_of
from tests.serving.deploying.conftest import Site
from tests.serving.deploying.fake_replica import Call, FakeReplica

PATIENCE = 20  # seconds of a test


def follow_until(site: Site, happened: Callable[[], bool]) -> None:
    """Let the follower run until something has happened."""

    async def run() -> None:
        following = asyncio.create_task(site.follower.run())
        while not happened():
            await asyncio.sleep(0.001)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_a_rollback_does_not_wait_for_a_replica_that_hangs(site: Site) -> None:
    one, two = site.promote("ant"), site.promote("bee")
    site.follow()
    hanging = site.replicas[1]
    hanging.restart()
    hanging.latency = 3600  # it lists its adapters, and answers nothing

    def moved() -> bool:
        if hanging.calls["answer"] > before and site.registry.champion() == bee:
            site.registry.rollback("it hurts")
        return site.deployed == one

    before, bee = hanging.calls["answer"], site.registry.version(two)
    follow_until(site, moved)
    assert site.moves() == [two, one]
    (told,) = [e.told(Deployed) for e in site.registry.history(kind="deploy") if e.version == one]
    assert told.replicas == ("http://one",)


def test_a_replica_that_hangs_keeps_no_other_from_being_repaired(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_loading, "GRACE", 0.05)
    number = site.promote("ant")
    site.promote("bee")
    site.follow()
    sound, hanging = site.replicas
    hanging.restart()
    hanging.latency = 3600

    def repaired() -> bool:
        if hanging.calls["answer"] > before and not lost:
            lost.append(sound.restart())
            site.table.lost(sound.replica)
        return bool(lost) and site.table.holds(site.deployment(number), sound.replica)

    before, lost = hanging.calls["answer"], list[None]()
    follow_until(site, repaired)
    assert hanging.most <= 2
    assert not site.follower.loader.loading  # it was left off with the follower


def test_a_version_that_was_not_there_before_waits_for_all_replicas(site: Site) -> None:
    one = site.promote("ant")
    site.follow()
    site.promote("bee")
    asyncio.run(site.follower.go_back())
    assert site.deployed == one


def test_a_disk_that_takes_no_adapter_is_told_and_tried_again(site: Site) -> None:
    number = site.promote("ant")
    home().mkdir(exist_ok=True)
    (home() / "adapters").write_text("no folder")
    site.follow()
    assert site.deployed is None
    assert site.failures() == [(number, "verify", None)]
    (home() / "adapters").unlink()
    site.now += 1
    site.follow()
    assert site.deployed == number


def test_an_adapter_s_folder_that_was_changed_on_disk_is_made_anew(site: Site) -> None:
    number = site.promote("ant")
    site.follow()
    weights = Path(home(), "adapters", site.registry.version(number).adapter.files)
    (weights / "adapter_model.safetensors").write_text("bee")
    for replica in site.replicas:
        replica.restart()
    site.follow()
    assert {replica.loaded[site.name(number)] for replica in site.replicas} == {"ant"}


def test_a_replica_that_has_too_much_to_do_is_no_fault_of_the_version(site: Site) -> None:
    def busy(call: Call, replica: FakeReplica) -> None:
        if call == "answer":
            raise BackendError(BUSY, "The request queue is full.")

    site.replicas[1].before = busy
    number = site.promote("ant")
    site.follow()
    assert site.failures() == []
    site.replicas[1].before = lambda call, replica: None
    site.follow()
    assert site.table.holds(site.deployment(number), "http://two")


def test_an_engine_that_does_not_say_what_it_is_holds_nothing_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def for_ever(replica: FakeReplica) -> Engine:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(version_loading, "PATIENCE", 0.01)
    monkeypatch.setattr(FakeReplica, "engine", for_ever)
    number = site.promote("ant")
    site.follow()
    assert site.deployed == number
    (event,) = site.registry.history(kind="deploy")
    assert event.told(Deployed).engine == "unknown"


def away(*_: object) -> object:
    raise IncumbentError("the registry could not be read: connection refused")


def test_while_the_registry_is_away_replicas_are_repaired_as_it_said_last(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = site.promote("ant")
    site.follow()

    monkeypatch.setattr(module, "wanted", away)
    monkeypatch.setattr(version_loading, "release", away)
    for replica in site.replicas:
        site.table.lost(replica.replica)  # as requests found them
    site.replicas[0].restart()
    site.follow()
    assert len(site.table.replicas_of(site.deployment(number))) == 2
    assert site.deployed == number


def test_what_was_never_verified_is_not_loaded_while_the_registry_is_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.promote("ant")
    site.follower.wanted = wanted(site.registry)

    monkeypatch.setattr(module, "wanted", away)
    monkeypatch.setattr(version_loading, "release", away)
    site.follow()
    assert site.deployed is None
    assert all(replica.calls["load"] == 0 for replica in site.replicas)


def test_where_an_attestation_is_required_nothing_is_loaded_without_one_that_holds(
    site: Site, tmp_path: Path
) -> None:
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    key = tmp_path / "key"
    site.registry.keys = SigningKeys(public=(make_keys(key),))
    site.params = site.params.model_copy(update={"require_attestation": True})
    strict, number = site.gateway(), site.promote("ant")
    version = site.registry.version(number)
    site.follow(strict)
    [event] = site.registry.history(kind="deploy-failed")
    assert "test v1 has no attestation, and must have one" in event.reason
    statement = site.registry.sign(number, key, "vouched")
    bundle = sign(site.registry.artifacts, statement, key)
    for lie in ({"weights.bin": "9" * 64}, {}):  # about other bytes
        envelope = attest(statement, lie, None, key)
        site.registry.add_signature(number, statement, bundle, "attached", envelope)
        site.follow(strict)
        assert "is about another" in site.registry.history(kind="deploy-failed")[-1].reason
        assert not any(replica.loaded for replica in site.replicas)
    site.registry.sign(number, key, "vouched again")
    site.follow(strict)
    assert strict.table.holds(deployment_of(version), "http://one")
