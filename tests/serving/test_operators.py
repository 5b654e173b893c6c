"""Who sees the gateway itself: operators, and not every caller."""

from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from serving.deploying.route_table import ReplicaState, RouteProblem, ServingState
from serving.gateway_server import create_app
from serving.openai_api.gateway import Gateway
from serving.openai_api.who_asks import KeyFile, add_key
from tests.serving.conftest import ADDRESS, deployment

KEYS = Path("keys.yaml")
REPLICA = "http://10.0.0.5:8000/v1"


def state() -> ServingState:
    held = ReplicaState(
        replica=REPLICA, base="b", checked=(), loaded=(), slots=3, running=0, alarm=None
    )
    return ServingState(
        family="bank",
        champion=7,
        deployed=deployment(7, system_prompt="The secret prompt."),
        adapter=deployment(7).adapter,
        previous=None,
        experiments=(8,),
        replicas=(held,),
        problems=(RouteProblem(version=7, replica=REPLICA, problem="it says"),),
    )


@pytest.fixture
def keys() -> dict[str, str]:
    """Of ann, who is a caller, and of ops, an operator."""
    found = {"ops": add_key(KEYS, "ops")}
    KEYS.write_text(yaml.safe_dump(yaml.safe_load(KEYS.read_text()) | {"operators": ["ops"]}))
    return found | {"ann": add_key(KEYS, "ann")}


@pytest.fixture
def elsewhere(gateway: Gateway, keys: dict[str, str]) -> TestClient:
    gateway.keys, gateway.state = KeyFile(KEYS), state
    return TestClient(create_app(gateway), ADDRESS, client=("10.0.0.9", 5))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_metrics_which_name_all_callers_are_for_operators(
    elsewhere: TestClient, keys: dict[str, str]
) -> None:
    asked = [elsewhere.get("/metrics", headers=bearer(key)) for key in keys.values()]
    assert [answer.status_code for answer in asked] == [200, 403]


def test_a_caller_sees_which_digest_answers_and_nothing_of_how(
    elsewhere: TestClient, keys: dict[str, str]
) -> None:
    seen = elsewhere.get("/v1/incumbent/serving", headers=bearer(keys["ann"]))
    assert seen.json() == {
        "family": "bank",
        "champion": 7,
        "deployed": {"version": 7, "name": deployment(7).name},
        "adapter": deployment(7).adapter,
        "experiments": [8],
    }


def test_an_operator_sees_replicas_and_problems(
    elsewhere: TestClient, keys: dict[str, str]
) -> None:
    seen = elsewhere.get("/v1/incumbent/serving", headers=bearer(keys["ops"])).json()
    assert seen["replicas"][0]["replica"] == seen["problems"][0]["replica"] == REPLICA


def test_a_further_key_leaves_the_operators_as_they_are(keys: dict[str, str]) -> None:
    assert KeyFile(KEYS).is_operator("ops")
    assert not KeyFile(KEYS).is_operator("ann")
