"""`incumbent gateway deploy`, `deployments` and `status`: champion and deployed are two states."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.verbs.deploy import bring, deploy_version
from incumbent.verbs.status import print_deployments, print_status
from project.errors import IncumbentError, InputError
from registry.store import Registry
from serving.deploying.pools import HttpPools
from tests.serving.deploying.conftest import MakeAdapter, Site, settings
from tests.serving.deploying.fake_replica import FakeReplica


@pytest.fixture
def here(make_adapter: MakeAdapter) -> Iterator[Site]:
    """A site on the registry of the current folder, which the verbs read."""
    replica = FakeReplica()
    Path("params.yaml").write_text("registry: {family: test}\n")
    with Registry.here() as registry:
        yield Site(registry, make_adapter, [replica], settings(("a-base", [replica])))


def test_a_version_that_is_not_the_champion_is_not_deployed(here: Site) -> None:
    here.submit("ant")
    with pytest.raises(InputError, match="incumbent gateway experiment start 1"):
        deploy_version(1, 0, as_json=False)
    here.registry.promote(1, "by hand", force=True)
    here.submit("bee")
    with pytest.raises(InputError, match=r"is not the champion \(v1 is\)"):
        deploy_version(2, 0, as_json=False)
    with pytest.raises(InputError, match="no version 3"):
        deploy_version(3, 0, as_json=False)


def test_with_the_embedded_backend_it_waits_for_a_gateway(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    here.promote("ant")
    with pytest.raises(IncumbentError, match="no gateway told of it: `incumbent serve`"):
        deploy_version(1, 0, as_json=False)
    here.follow()
    deploy_version(1, 0, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["until"], told["told"]["replicas"]) == (1, None, ["http://one"])


def test_it_says_why_a_gateway_failed(here: Site) -> None:
    here.promote("ant")
    here.replicas[0].swaps["ant"] = "base"
    here.follow()
    with pytest.raises(IncumbentError, match="those of the bare base, word for word"):
        deploy_version(1, 0, as_json=False)


def bring_here(here: Site, number: int, timeout: float) -> list[str]:
    told: list[str] = []
    pools = HttpPools(here.params, lambda url, pool: here.replicas[0])
    version = here.registry.version(number)
    asyncio.run(bring(here.registry, version, pools, here.params, timeout, told.append))
    return told


def test_with_servers_it_needs_no_gateway_and_tells_of_every_replica(here: Site) -> None:
    number = here.promote("ant")
    told = bring_here(here, number, 20)
    assert told == [
        f"http://one: loading {here.name(1)}",
        f"http://one: {here.name(1)} answers 8 golden prompts as it was judged (1.00)",
        f"the traffic goes to {here.name(1)}",
    ]
    assert here.moves() == [1] and here.replicas[0].closed


def test_with_servers_that_fail_it_says_why_in_time(here: Site) -> None:
    here.replicas[0].down = True
    here.promote("ant")
    with pytest.raises(IncumbentError, match="no replica of its pool answers: http://one"):
        bring_here(here, 1, 0.2)


def test_deployments_say_who_answered_from_when_until_when(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    print_deployments(as_json=False)
    assert "nothing was deployed yet" in capsys.readouterr().out
    here.promote("ant")
    here.follow()
    here.promote("bee")
    here.replicas[0].swaps["bee"] = "ant"
    here.follow()
    print_deployments(as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "v1 deployed" in shown and "http://one" in shown
    assert "failed" in shown and "golden on http://one" in shown
    assert "the champion is v2" in shown
    print_deployments(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [one["version"] for one in told["tenures"]] == [1]
    assert [one["told"]["step"] for one in told["failures"]] == ["golden"]


def test_status_says_when_the_traffic_is_not_the_champions(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    here.promote("ant")
    print_status(as_json=False)
    assert "deployed  nothing yet" in capsys.readouterr().out
    here.follow()
    print_status(as_json=False)
    assert "deployed  v1 since" in capsys.readouterr().out
    here.promote("bee")
    print_status(as_json=False)
    assert "and not the champion: `incumbent gateway deploy 2` says why" in capsys.readouterr().out
    print_status(as_json=True)
    assert json.loads(capsys.readouterr().out)["deployed"]["version"] == 1


def test_status_says_what_failed_since_there_was_news_of_the_champion(
    here: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    here.promote("ant")
    here.replicas[0].swaps["ant"] = "bee"
    here.follow()
    print_status(as_json=False)
    shown = capsys.readouterr().out
    assert "failed    v1 (golden), " in shown
    assert "`incumbent gateway deployments` says where and why" in shown
    print_status(as_json=True)
    (failure,) = json.loads(capsys.readouterr().out)["deploy_failures"]
    assert failure["told"]["step"] == "golden"
    here.promote("bee")
    print_status(as_json=False)
    assert "failed  " not in capsys.readouterr().out
