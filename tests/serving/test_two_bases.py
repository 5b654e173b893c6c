"""A champion on another base, through the whole gateway: the traffic moves to another pool."""

from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import httpx2

from project.records.adapters import Adapter, ModelPin
from project.settings import PARAMS
from registry.store import Registry
from serving.gateway_server import running, service_here
from tests.conftest import BASE
from tests.evaluation.engine_server import EngineServer, engine_server
from tests.serving.conftest import asking

Make = Callable[[str], tuple[Adapter, Path]]
LARGER = BASE.model_copy(update={"model": "larger", "name": "larger", "weights": "9" * 64})
SETTINGS = """
registry: {{family: bank}}
serving:
  backend: vllm
  pools:
    - {{base: a-base, replicas: ["{small}"]}}
    - {{base: larger, replicas: ["{large}"]}}
"""


def promote(make: Make, weights: str, base: ModelPin) -> None:
    adapter, folder = make(weights)
    with Registry.here() as registry:
        adapter = adapter.model_copy(update={"base": base})
        number = registry.submit(adapter, folder, "trained").number
        registry.promote(number, "by hand", force=True)


def roll_back() -> None:
    with Registry.here() as registry:
        registry.rollback("by hand")


def answered(engine: EngineServer) -> int:
    """Requests of users, which golden prompts are not."""
    said = (body["messages"][-1]["content"] for body in engine.bodies("/v1/chat/completions"))
    return sum(text == "a user asks" for text in said)


def test_a_champion_on_another_base_moves_the_traffic_there_and_a_rollback_back(
    make_adapter: Make,
) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    with engine_server() as small, engine_server() as large:
        PARAMS.write_text(SETTINGS.format(small=small.url, large=large.url))
        steps = [
            lambda: promote(make_adapter, "one", BASE),
            lambda: promote(make_adapter, "two", LARGER),
            roll_back,
        ]
        with (
            service_here(tell=told.put) as service,
            running(service.gateway, service.running) as address,
            httpx2.Client(base_url=f"{address}/v1") as client,
        ):
            seen = []
            for step in steps:
                step()
                while "traffic goes to" not in told.get(timeout=20):
                    pass
                answer = client.post("/chat/completions", json=asking("a user asks"))
                version = answer.json()["model"].rpartition("-")[0]
                seen.append((version, answered(small), answered(large)))
    assert seen == [("bank-v1", 1, 0), ("bank-v2", 1, 1), ("bank-v1", 2, 1)]
