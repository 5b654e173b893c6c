"""What the keys of section `serving` do that say who may ask the gateway, and how much."""

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from evaluation.evaluation_settings import Decoding
from project.settings import load
from serving.deploying.route_table import RouteTable
from serving.gateway_server import create_app
from serving.openai_api.gateway import Gateway
from serving.openai_api.who_asks import KeyFile, add_key
from serving.serving_settings import ServingParams
from tests.incumbent.setting_effects.effect import Effect, Output, ShownBy
from tests.serving.conftest import ADDRESS, Assigner, NamingBackend, asking, deployment, for_ever

CHAT = "/v1/chat/completions"


def client(backend: NamingBackend) -> TestClient:
    """Asks a gateway with the settings of params.yaml."""
    params, table = load(ServingParams), RouteTable(champion=deployment(7))
    table.hold(deployment(7), backend)
    keys = KeyFile(params.keys) if params.keys else None
    gateway = Gateway("bank", params, Decoding(), table, Assigner(table), keys=keys)
    return TestClient(create_app(gateway), ADDRESS)


def asked() -> int:
    return client(NamingBackend()).post(CHAT, json=asking(max_tokens=50)).status_code


def without_a_key() -> int:
    add_key(Path("keys.yaml"), "ann")
    return asked()


def often() -> list[int]:
    asks = client(NamingBackend())
    return [asks.get("/v1/models").status_code for _ in range(3)]


def given_up() -> str:
    return client(NamingBackend(waits=for_ever)).post(CHAT, json=asking()).text


def effect(a: Any, b: Any, output: Output) -> Effect:
    return Effect((a, b), output)


LINE = ShownBy("tests/serving/test_openai_api.py::test_too_many_requests_are_told_to_come_again")
GATEWAY: dict[str, Effect | ShownBy] = {
    "keys": effect(None, "keys.yaml", without_a_key),
    "retrieval": ShownBy(
        "tests/serving/test_evidence_shown.py::"
        "test_without_retrieval_or_a_template_questions_are_asked_as_they_come"
    ),
    "max_tokens": effect(49, 50, asked),
    "timeout_seconds": effect(0.01, 0.02, given_up),
    "running": LINE,
    "requests_a_minute": effect(2, 600, often),
}


DISCLOSURE = "tests/serving/test_disclosure.py::"
TOLD = {
    "text": ShownBy(
        f"{DISCLOSURE}test_the_first_answer_of_a_chat_begins_with_it_and_later_ones_do_not"
    ),
}
EFFECTS: dict[str, Effect | ShownBy] = {
    **{f"serving.{name}": row for name, row in GATEWAY.items()},
    **{f"serving.disclosure.{name}": row for name, row in TOLD.items()},
}
