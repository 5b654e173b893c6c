"""Experiments from users' requests to their rows and their end, over HTTP."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event

import httpx2
import pytest

from incumbent.verbs.experiment import start
from project.records.adapters import Adapter
from project.settings import PARAMS
from registry.experiment_events import Experiment, experiments
from registry.store import Registry
from serving.gateway_server import running, service_here
from tests.evaluation.engine_server import EngineServer, engine_server
from tests.serving.conftest import SETTINGS, asking

Make = Callable[[str], tuple[Adapter, Path]]


def two_versions(make: Make) -> None:
    """v1 is champion, v2 is not."""
    with Registry.here() as registry:
        registry.promote(registry.submit(*make("one"), "trained").number, "by hand", force=True)
        registry.submit(*make("two"), "trained")


@pytest.fixture
def engine(make_adapter: Make) -> Iterator[EngineServer]:
    """The replica of a project with a champion, v1, and v2."""
    with engine_server() as server:
        PARAMS.write_text(SETTINGS.format(url=server.url))
        two_versions(make_adapter)
        yield server


@contextmanager
def gateway_here() -> Iterator[httpx2.Client]:
    with (
        service_here(tell=lambda line: None) as service,
        running(service.gateway, service.running) as address,
        httpx2.Client(base_url=f"{address}/v1") as client,
    ):
        yield client


def until(found: Callable[[], bool]) -> None:
    """Look again and again, for longer than anything here takes."""
    pause = Event()
    for _ in range(1000):
        if found():
            return
        pause.wait(0.02)
    raise AssertionError("it never came")


def lists(client: httpx2.Client, name: str) -> bool:
    return name in {model["id"] for model in client.get("/models").json()["data"]}


def version_for(client: httpx2.Client, user: str) -> tuple[int, str]:
    """Which version answered this user, and the answer's id."""
    answer = client.post("/chat/completions", json=asking(user=user)).json()
    return int(answer["model"].split("-")[1][1:]), answer["id"]


def gives_everybody_the_champion_again(client: httpx2.Client) -> bool:
    until(lambda: not lists(client, "bank@challenger"))
    by_name = client.post("/chat/completions", json=asking(model="bank@v2")).status_code
    return by_name == 404 and {version_for(client, f"user-{n}")[0] for n in range(20)} == {1}


def newest() -> Experiment:
    with Registry.here() as registry:
        return experiments(registry)[0]


def rows(pattern: str) -> list[str]:
    files = Path("datasets/traffic").glob(pattern)
    return [line for file in files for line in file.read_text().splitlines()]


@pytest.mark.slow  # two gateways, and some dozens of answers
def test_a_canary_that_hurts_ends_by_itself_on_every_gateway(engine: EngineServer) -> None:
    with gateway_here() as one, gateway_here() as other:
        start(2, "canary", 0.5, "rating", 0.05, "friday")
        until(lambda: lists(one, "bank@challenger") and lists(other, "bank@challenger"))
        numbers = count()

        def a_user_is_asked_and_rates() -> bool:
            number, answer = version_for(one, f"user-{next(numbers)}")
            rating = {"id": answer, "rating": 1 if number == 1 else -1}
            assert other.post("/feedback", json=rating).status_code == 202
            return newest().ended is not None

        until(a_user_is_asked_and_rates)
        assert all(gives_everybody_the_champion_again(client) for client in (one, other))
    end = newest().end
    assert end and end.verdict == "harm"
    assert any('"arm":"challenger"' in row for row in rows("2*/2*.jsonl"))


@pytest.mark.slow  # a gateway
def test_a_shadow_is_asked_what_users_ask_and_its_answers_lie_apart(engine: EngineServer) -> None:
    with gateway_here() as gateway:
        until(lambda: lists(gateway, "bank@v1"))
        start(2, "shadow", 1.0, "rating", 0.05, "friday")
        until(lambda: asked_in_shadow(gateway) > 0)
        until(lambda: bool(rows("shadow/*/2*.jsonl")))
    asked = {body["model"].rpartition("-")[0] for body in engine.bodies("/v1/chat/completions")}
    assert {"bank-v1", "bank-v2"} <= asked
    assert all('"version":1' in row for row in rows("2*/2*.jsonl"))
    assert all('"version":2' in row for row in rows("shadow/*/2*.jsonl"))


def asked_in_shadow(gateway: httpx2.Client) -> int:
    """Ask once, as a user; how many answers of the challenger there are by now."""
    assert version_for(gateway, "ann")[0] == 1
    return len(rows("shadow/*/2*.jsonl"))
