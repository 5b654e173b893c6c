"""Ids of answers: feedback finds its answer by them at any gateway, and nobody can make one up."""

import re
from base64 import urlsafe_b64decode
from pathlib import Path

import openai
import pytest
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import Endpoint
from project.errors import InputError
from project.files import home
from project.listening import Buckets
from project.settings import PARAMS
from serving.deploying.route_table import RouteTable
from serving.exchange import Arm, Assignment, digest_of_user
from serving.gateway_server import create_app, service_here
from serving.openai_api.gateway import AnswerIds, Gateway, NotTheirsError
from serving.openai_api.who_asks import KeyFile, add_key
from tests.serving.conftest import (
    ADDRESS,
    Assigner,
    Listener,
    MakeGateway,
    NamingBackend,
    asking,
    deployment,
)

CHAT = "/v1/chat/completions"
AT = "2026-11-24T10:00:00.123Z"
IDS = AnswerIds(b"s" * 32)
TRIED = Assignment(deployment=deployment(8), experiment=41, arm="challenger")


def issue(user: str | None = "ann", caller: str = "app", assignment: Assignment = TRIED) -> str:
    return IDS.issue(Endpoint.CHAT, caller, AT, assignment, user)


def client_of(gateway: Gateway) -> TestClient:
    return TestClient(create_app(gateway), ADDRESS)


def ask(client: TestClient) -> str:
    """The id of an answer."""
    return str(client.post(CHAT, json=asking(user="ann")).json()["id"])


def rate(client: TestClient, answer: str) -> int:
    """The status of feedback on it."""
    return client.post("/v1/feedback", json={"id": answer, "rating": 1}).status_code


# --- across gateways ------------------------------------------------------------------------------


def test_another_gateway_of_the_project_knows_whose_answer_it_was(
    make_gateway: MakeGateway, table: RouteTable, listener: Listener
) -> None:
    """So does the same one after a restart: nothing is kept but the secret."""
    one, other = make_gateway(), make_gateway()
    table.hold(deployment(8), NamingBackend("http://replica-2/v1"))
    one.assigner = Assigner(table, TRIED)
    assert rate(client_of(other), ask(client_of(one))) == 202
    ((_, found),) = listener.feedback
    assert found is not None
    assert found == listener.exchanges[0].ref
    assert (found.version, found.experiment, found.arm) == (8, 41, "challenger")
    assert found.user == digest_of_user("ann")


@pytest.mark.attack
def test_feedback_on_an_answer_under_another_secret_is_refused_before_it_is_stored(
    make_gateway: MakeGateway, listener: Listener
) -> None:
    one, other = make_gateway(), make_gateway()
    other.ids = IDS
    assert rate(client_of(other), ask(client_of(one))) == 404
    assert listener.feedback == []


@pytest.mark.attack
@pytest.mark.parametrize("answer", ["chatcmpl-0", "chatcmpl-9f1c2d3e4f5a6b7c8d9e0f1a", "my.id"])
def test_feedback_on_an_id_that_is_made_up_is_refused_before_it_is_stored(
    client: TestClient, listener: Listener, answer: str
) -> None:
    assert rate(client, answer) == 404
    assert listener.feedback == []


@pytest.mark.attack
def test_one_caller_s_feedback_is_limited_and_another_s_goes_on(
    make_gateway: MakeGateway, listener: Listener
) -> None:
    keys = {name: add_key(Path("keys.yaml"), name) for name in ("ann", "bob")}
    gateway = make_gateway()
    gateway.feedback_rate = Buckets(2)
    gateway.keys = KeyFile(Path("keys.yaml"))
    client = client_of(gateway)
    told = []
    for name in ("ann", "ann", "ann", "bob"):
        headers = {"Authorization": f"Bearer {keys[name]}"}
        given = {"id": client.post(CHAT, json=asking(), headers=headers).json()["id"], "rating": 1}
        told.append(client.post("/v1/feedback", json=given, headers=headers).status_code)
    assert told == [202, 202, 429, 202]
    assert len(listener.feedback) == 3


def test_the_service_uses_the_project_s_secret() -> None:
    PARAMS.write_text(
        "registry: {family: bank}\n"
        "serving: {backend: vllm, pools: [{base: a, replicas: ['http://127.0.0.1:9/v1']}]}\n"
    )
    with service_here() as one, service_here() as other:
        answer = one.gateway.ids.issue(Endpoint.CHAT, "app", AT, TRIED, "ann")
        assert other.gateway.ids.read(answer, "app").version == TRIED.deployment.version
    assert (home() / "serving" / "secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_others_can_read_is_refused_before_anything_is_served() -> None:
    AnswerIds.here()
    Path(home() / "serving" / "secret").chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        AnswerIds.here()


# --- who may --------------------------------------------------------------------------------------


@pytest.fixture
def keyed(make_gateway: MakeGateway) -> tuple[TestClient, TestClient, dict[str, str]]:
    """Two gateways with the same keys."""
    keys = {name: add_key(Path("keys.yaml"), name) for name in ("ann", "bob")}
    both = []
    for _ in range(2):
        gateway = make_gateway()
        gateway.keys = KeyFile(Path("keys.yaml"))
        both.append(client_of(gateway))
    return both[0], both[1], keys


def test_another_caller_may_not_say_what_an_answer_was_worth_at_any_gateway(
    keyed: tuple[TestClient, TestClient, dict[str, str]], listener: Listener
) -> None:
    one, other, keys = keyed
    ann, bob = ({"Authorization": f"Bearer {keys[name]}"} for name in ("ann", "bob"))
    given = {"id": one.post(CHAT, json=asking(), headers=ann).json()["id"], "rating": -1}
    for gateway in (one, other):
        refused = gateway.post("/v1/feedback", json=given, headers=bob)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
        assert gateway.post("/v1/feedback", json=given, headers=ann).status_code == 202
    assert [feedback.caller for feedback, _ in listener.feedback] == ["ann", "ann"]


def test_feedback_on_an_id_that_was_altered_is_refused_and_heard_by_nobody(
    client: TestClient, listener: Listener
) -> None:
    answer = ask(client)
    for altered in (answer[:-1], f"{answer}-shadow", answer.removeprefix("chat"), answer + "A"):
        assert rate(client, altered) == 404
    assert listener.feedback == []


def test_no_character_of_what_is_sealed_can_be_changed() -> None:
    for user in ("ann", None):  # base64 leaves no bits over, and some
        answer = issue(user)
        start = answer.index(".") + 1
        for place in range(start, len(answer)):
            for other in {"A", "B", "_", "-"} - {answer[place]}:
                with pytest.raises(NotTheirsError):
                    IDS.read(answer[:place] + other + answer[place + 1 :], "app")


@pytest.mark.parametrize("sealed", ["A", "AA", "A" * 22, "A" * 55, "A" * 110])
def test_an_id_that_is_made_up_under_the_key_s_name_is_refused(sealed: str) -> None:
    with pytest.raises(NotTheirsError):
        IDS.read(f"chatcmpl-{IDS.key_name}.{sealed}", "app")


# --- what an id holds -----------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ann", None, "äöü" * 100])
@pytest.mark.parametrize(
    ("experiment", "arm"), [(None, None), (41, "champion"), (4_000_000_000, "challenger")]
)
def test_what_an_id_holds_is_read_as_it_was(
    user: str | None, experiment: int | None, arm: Arm | None
) -> None:
    given = Assignment(deployment=deployment(7), experiment=experiment, arm=arm)
    answer = issue(user, assignment=given)
    found = IDS.read(answer, "app")
    assert found is not None
    assert (found.id, found.at, found.version) == (answer, AT, 7)
    assert (found.experiment, found.arm) == (experiment, arm)
    assert found.user == (digest_of_user(user) if user else None)


def test_an_id_shows_neither_the_user_nor_the_arm_nor_that_two_are_of_one_user() -> None:
    one, other = issue(), issue()
    shown = [urlsafe_b64decode(answer.partition(".")[2]) for answer in (one, other)]
    assert bytes.fromhex(digest_of_user("ann")) not in shown[0]
    alike = sum(a == b for a, b in zip(*shown, strict=True))
    assert alike < 6  # of 57 bytes that are as good as random, one is alike in every fourth pair
    assert "ann" not in one


def test_an_id_fits_where_ids_go() -> None:
    assert len(issue()) <= 90
    assert re.fullmatch(r"chatcmpl-[A-Za-z0-9._-]+", issue("x" * 512))


def test_a_shadow_has_the_id_of_the_answer_that_was_seen_and_feedback_is_about_that_one(
    client: TestClient, gateway: Gateway, table: RouteTable, listener: Listener
) -> None:
    table.hold(deployment(8), NamingBackend("http://replica-2/v1"))
    shadowed = Assignment(
        deployment=deployment(7), experiment=41, arm="champion", shadow=deployment(8)
    )
    gateway.assigner = Assigner(table, shadowed)
    answer = ask(client)
    assert rate(client, answer) == 202
    assert [exchange.id for exchange in listener.exchanges] == [answer, answer]
    found = listener.feedback[0][1]
    assert found is not None
    assert (found.version, found.arm) == (7, "champion")


def test_raw_completions_and_streams_take_feedback_too(
    client: TestClient, listener: Listener
) -> None:
    raw = client.post("/v1/completions", json={"model": "bank", "prompt": "x"}).json()["id"]
    assert raw.startswith("cmpl-")
    client.post(CHAT, json=asking(stream=True))
    assert [rate(client, exchange.id) for exchange in listener.exchanges] == [202, 202]
    assert [found for _, found in listener.feedback] == [one.ref for one in listener.exchanges]


def test_the_official_client_gets_the_id_and_sends_it_back(live: str, listener: Listener) -> None:
    with openai.OpenAI(base_url=f"{live}/v1", api_key="none", max_retries=0) as client:
        answer = client.completions.create(model="bank", prompt="Hi", user="ann").id
        client.post("/feedback", body={"id": answer, "rating": 1}, cast_to=object)
    assert listener.feedback[0][1] == listener.exchanges[0].ref
