"""OpenAI's API in front of a backend: who answers, with what, and what callers are told."""

import asyncio
import json
from collections.abc import Iterator

import httpx2
import openai
import pytest
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import BackendError
from serving.deploying.route_table import RouteTable
from serving.exchange import Assignment, Exchange
from serving.gateway_server import create_app
from serving.openai_api.gateway import Gateway
from tests.serving.conftest import (
    ADDRESS,
    AWAY,
    Assigner,
    Listener,
    MakeGateway,
    NamingBackend,
    asking,
    deployment,
    for_ever,
)

CHAT = "/v1/chat/completions"
V7 = deployment(7).name


@pytest.fixture
def official(live: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live}/v1", api_key="none", max_retries=0) as client:
        yield client


def events_of(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.split("\n\n") if line]


@pytest.mark.parametrize("model", ["bank", "bank@champion", "bank@v7"])
def test_the_champion_answers_to_three_names_under_its_immutable_one(
    client: TestClient, model: str
) -> None:
    answer = client.post(CHAT, json=asking(model=model))
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == f"I am {V7}"
    assert answer.json()["model"] == answer.headers["x-incumbent-adapter"] == V7
    assert answer.headers["x-request-id"]


def test_where_nothing_is_deployed_callers_are_told_to_come_again(
    client: TestClient, table: RouteTable
) -> None:
    table.champion = None
    answer = client.post(CHAT, json=asking())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "deployed" in answer.json()["error"]["message"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_what_a_caller_does_not_choose_is_what_the_version_was_judged_with(
    client: TestClient, backend: NamingBackend
) -> None:
    client.post(CHAT, json=asking())
    client.post(CHAT, json=asking(temperature=0.7, max_completion_tokens=9))
    judged, chosen = backend.asked
    assert (judged["temperature"], judged["max_tokens"]) == (0.0, 48)
    assert (chosen["temperature"], chosen["max_completion_tokens"]) == (0.7, 9)
    assert "max_tokens" not in chosen


def test_the_versions_system_prompt_stands_before_the_callers(
    client: TestClient, backend: NamingBackend, table: RouteTable
) -> None:
    under = deployment(8, system_prompt="You are the bank.")
    table.hold(under, backend)
    table.move(under)
    own = {"role": "developer", "content": "Be brief."}
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}
    calls = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "content": "2", "tool_call_id": "1"}
    messages = [own, {"role": "user", "content": "Hi"}, calls, result]
    client.post(CHAT, json=asking() | {"messages": messages})
    first, *others = backend.asked[0]["messages"]
    assert first == {"role": "system", "content": "You are the bank.\n\nBe brief."}
    assert others == messages[1:]


def test_tools_and_other_fields_pass_through(client: TestClient, backend: NamingBackend) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    client.post(CHAT, json=asking(tools=tools, tool_choice="auto", seed=3, user="u", top_k=5))
    (asked,) = backend.asked
    assert (asked["tools"], asked["seed"], asked["top_k"]) == (tools, 3, 5)
    assert "user" not in asked


def test_a_completion_is_answered_raw(client: TestClient, backend: NamingBackend) -> None:
    answer = client.post("/v1/completions", json={"model": "bank", "prompt": "Once"})
    assert answer.json()["choices"][0]["text"] == f"I am {V7}"
    assert answer.json()["id"].startswith("cmpl-")
    assert backend.asked[0]["prompt"] == "Once"


def test_a_stream_ends_with_done_and_has_one_id(client: TestClient) -> None:
    answer = client.post(CHAT, json=asking(stream=True))
    *chunks, last = events_of(answer.text)
    parsed = [json.loads(chunk) for chunk in chunks]
    assert last == "[DONE]"
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in parsed) == f"I am {V7}"
    assert len({one["id"] for one in parsed}) == 1
    assert not any(one.get("usage") for one in parsed)
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_a_stream_tells_its_usage_to_who_asks_for_it(client: TestClient) -> None:
    options = {"include_usage": True}
    answer = client.post(CHAT, json=asking(stream=True, stream_options=options))
    assert json.loads(events_of(answer.text)[-2])["usage"]["completion_tokens"] == 3


def test_a_stream_that_breaks_off_ends_with_an_error_and_without_done(
    client: TestClient, backend: NamingBackend, listener: Listener
) -> None:
    backend.breaks = BackendError(502, "the connection broke: secret details")
    answer = client.post(CHAT, json=asking(stream=True))
    first, last = events_of(answer.text)
    assert json.loads(first)["choices"]
    assert json.loads(last)["error"]["code"] == "broken_off"
    assert "secret" not in answer.text
    assert listener.exchanges[0].status == 502


def test_another_replica_answers_where_the_first_is_away(
    client: TestClient, gateway: Gateway, backend: NamingBackend, table: RouteTable
) -> None:
    woken: list[bool] = []
    gateway.wake = lambda: woken.append(True)
    second = NamingBackend("http://replica-2/v1")
    table.hold(deployment(7), second)
    backend.fails = AWAY
    for stream in (False, True):
        table.hold(deployment(7), backend)
        table.running[second.replica] = 5  # so that the other one is tried first
        assert client.post(CHAT, json=asking(stream=stream)).status_code == 200
        assert not table.holds(deployment(7), backend.replica)
    assert len(backend.asked) == len(second.asked) == len(woken) == 2
    assert "incumbent_retries_total 2.0" in client.get("/metrics").text


def test_a_replica_that_lost_the_adapter_loses_that_route_alone(
    client: TestClient, backend: NamingBackend, table: RouteTable
) -> None:
    table.hold(deployment(6), backend)
    backend.fails = BackendError(404, "no such model")
    assert client.post(CHAT, json=asking()).status_code == 503
    assert table.holds(deployment(6), backend.replica)
    assert not table.holds(deployment(7), backend.replica)
    assert client.get("/readyz").json()["error"]["code"] == "no_replica"


def test_a_request_that_breaks_engines_does_not_go_round(
    client: TestClient, table: RouteTable
) -> None:
    others = [NamingBackend(f"http://replica-{n}/v1", fails=AWAY) for n in range(5)]
    table.lost("http://replica-1/v1")
    for other in others:
        table.hold(deployment(7), other)
    assert client.post(CHAT, json=asking()).status_code == 503
    assert sum(len(other.asked) for other in others) == 3


@pytest.mark.parametrize(
    ("theirs", "ours"), [(400, 400), (422, 400), (429, 429), (401, 502), (500, 500), (502, 502)]
)
def test_a_backends_refusal_is_told_by_whose_fault_it_is(
    client: TestClient, backend: NamingBackend, theirs: int, ours: int
) -> None:
    backend.fails = BackendError(theirs, "too long", {"message": "too\nlong", "param": "messages"})
    answer = client.post(CHAT, json=asking())
    assert answer.status_code == ours
    assert ("too long" in answer.text) == (ours in (400, 429))


def test_an_answer_of_another_model_than_was_asked_is_none(
    client: TestClient, backend: NamingBackend
) -> None:
    backend.fields = {"model": "bank-v6-000000000000"}
    assert client.post(CHAT, json=asking()).status_code == 502


def test_an_answer_that_takes_too_long_is_given_up(
    make_gateway: MakeGateway, backend: NamingBackend, listener: Listener
) -> None:
    backend.waits = for_ever
    client = TestClient(create_app(make_gateway(timeout_seconds=0.05)), ADDRESS)
    answer = client.post(CHAT, json=asking())
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "timeout"
    late = client.post(CHAT, json=asking(stream=True)).text
    assert json.loads(events_of(late)[-1])["error"]["code"] == "timeout"
    assert [exchange.status for exchange in listener.exchanges] == [504, 504]


def test_too_many_requests_are_told_to_come_again(
    make_gateway: MakeGateway, backend: NamingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is answered and one waits: the third is refused."""
    monkeypatch.setattr("serving.openai_api.gateway.WAITING", 1)
    gateway = make_gateway(running=1)

    async def ask() -> list[httpx2.Response]:
        free = asyncio.Event()
        backend.waits = free.wait
        transport = httpx2.ASGITransport(create_app(gateway))
        async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            asked = [asyncio.create_task(client.post(CHAT, json=asking())) for _ in range(3)]
            done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            free.set()
            return [*(task.result() for task in done), *await asyncio.gather(*asked)]

    refused, *all_of_them = asyncio.run(ask())
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert int(refused.headers["retry-after"]) >= 1
    assert sorted(answer.status_code for answer in all_of_them) == [200, 200, 429]
    assert gateway.line.running == gateway.line.waiting == 0


def test_observers_hear_of_each_answer_and_of_no_refusal(
    client: TestClient, listener: Listener
) -> None:
    client.post(CHAT, json=asking(user="ann"))
    client.post(CHAT, json=asking(stream=True, model="bank@v7"))
    client.post(CHAT, json=asking(model="shop"))
    whole, streamed = listener.exchanges
    assert (whole.user, whole.asked, whole.caller) == ("ann", "bank", "local")
    assert whole.text == streamed.text == f"I am {V7}"
    assert whole.answer_tokens == streamed.answer_tokens == 3
    assert whole.first_token_ms is None
    assert streamed.first_token_ms is not None


def test_an_observer_that_breaks_hurts_no_answer(
    client: TestClient, gateway: Gateway, listener: Listener
) -> None:
    class Broken(Listener):
        def answered(self, exchange: Exchange) -> None:
            raise RuntimeError(exchange.text)

    gateway.observers = (Broken(), listener)
    assert client.post(CHAT, json=asking()).status_code == 200
    assert len(listener.exchanges) == 1
    assert "incumbent_observer_errors_total 1.0" in client.get("/metrics").text


def test_a_shadow_is_asked_beside_and_seen_by_nobody(
    client: TestClient, gateway: Gateway, table: RouteTable, listener: Listener
) -> None:
    challenger, held = deployment(8), NamingBackend("http://replica-2/v1")
    table.hold(challenger, held)
    shadowed = Assignment(deployment=deployment(7), experiment=3, arm="champion", shadow=challenger)
    gateway.assigner = Assigner(table, shadowed)
    answer = client.post(CHAT, json=asking(stream=True))
    client.get("/healthz")  # the loop has turned since
    assert challenger.name not in answer.text
    texts = {one.assignment.arm: one.text for one in listener.exchanges}
    assert texts == {"champion": f"I am {V7}", "shadow": f"I am {challenger.name}"}
    assert len({one.id for one in listener.exchanges}) == 1


def test_the_champion_answers_for_a_challenger_that_is_away_and_it_counts_in_its_arm(
    client: TestClient, gateway: Gateway, table: RouteTable, listener: Listener
) -> None:
    table.hold(deployment(8), NamingBackend("http://replica-2/v1", fails=AWAY))
    assigned = Assignment(deployment=deployment(8), experiment=3, arm="challenger")
    gateway.assigner = Assigner(table, assigned)
    answer = client.post(CHAT, json=asking())
    assert answer.json()["model"] == answer.headers["x-incumbent-adapter"] == V7
    (exchange,) = listener.exchanges
    assert (exchange.assignment.arm, exchange.assignment.deployment.version) == ("challenger", 7)
    told = gateway.ids.read(answer.json()["id"], "local")
    assert told == exchange.ref
    assert told and (told.version, told.arm) == (7, "challenger")


def test_feedback_finds_its_answer(client: TestClient, listener: Listener) -> None:
    answer = client.post(CHAT, json=asking()).json()["id"]
    outcome = {"escalated": False, "satisfaction": 0.9}
    given = {"id": answer, "rating": 1, "outcome": outcome}
    assert client.post("/v1/feedback", json=given).status_code == 202
    ((feedback, found),) = listener.feedback
    assert found == listener.exchanges[0].ref
    assert feedback.rating == 1
    assert feedback.outcome is not None
    assert feedback.outcome.satisfaction == 0.9


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"outcome": {}},
        {"rating": 2},
        {"rating": True},
        {"rating": 1, "correction": ""},
        {"correction": " \n"},
        {"rating": 1, "more": 1},
        {"outcome": {"x": 1}},
    ],
)
def test_feedback_that_says_nothing_is_refused(client: TestClient, said: dict[str, object]) -> None:
    assert client.post("/v1/feedback", json={"id": "a", **said}).status_code == 400


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ratting": 1}, "`ratting`: there is no such field; did you mean `rating`?"),
        (
            {"outcome": {"escalatd": True}},
            "`outcome.escalatd`: there is no such field; did you mean `outcome.escalated`?",
        ),
        ({"rating": True}, "`rating`: must be -1, 0 or 1."),
        ({"correction": " "}, "`correction`: it is blank; leave it out."),
    ],
)
def test_a_slip_in_a_field_of_feedback_is_answered_with_what_was_meant(
    client: TestClient, given: dict[str, object], told: str
) -> None:
    answer = client.post("/v1/feedback", json={"id": "a", **given})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, told)


def test_models_lists_what_answers(client: TestClient) -> None:
    listed = client.get("/v1/models").json()["data"]
    assert [one["id"] for one in listed] == ["bank", "bank@champion", "bank@v7"]
    assert client.get("/v1/models/bank@v7").json()["root"] == V7
    assert client.get("/v1/models/bank@v6").status_code == 404


def test_a_path_or_method_that_is_not_there_is_told_in_openais_shape(client: TestClient) -> None:
    assert client.get("/v1/embeddings").json()["error"]["code"] == "unknown_url"
    forgot_v1 = client.post("/chat/completions", json={}).json()["error"]["message"]
    assert forgot_v1.endswith("OpenAI's API is under /v1, such as /v1/chat/completions.")
    wrong_method = client.get(CHAT).json()["error"]
    assert wrong_method["type"] == "invalid_request_error"
    assert wrong_method["message"] == f"{CHAT} takes POST, and not GET."


def test_the_official_client_works(official: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    chat = official.chat.completions.create(model="bank", messages=messages)  # type: ignore[arg-type]
    assert chat.choices[0].message.content == f"I am {V7}"
    stream = official.chat.completions.create(model="bank", messages=messages, stream=True)  # type: ignore[call-overload]
    said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert said == f"I am {V7}"
    assert official.completions.create(model="bank", prompt="x").choices[0].text == f"I am {V7}"
    assert next(model.id for model in official.models.list()) == "bank"
    assert official.models.retrieve("bank@champion").id == "bank@champion"


def test_the_official_client_raises_its_own_errors(
    official: openai.OpenAI, table: RouteTable
) -> None:
    def ask(model: str, **settings: int) -> None:
        official.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "x"}], **settings
        )  # type: ignore[call-overload]

    with pytest.raises(openai.NotFoundError) as unknown:
        ask("shop")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="1,024") as long:
        ask("bank", max_tokens=1025)
    assert long.value.param == "max_tokens"
    table.champion = None
    with pytest.raises(openai.InternalServerError):
        ask("bank")


def test_a_client_that_leaves_ends_the_work(
    live: str, backend: NamingBackend, listener: Listener
) -> None:
    backend.waits = for_ever
    with httpx2.stream("POST", f"{live}{CHAT}", json=asking(stream=True)) as answer:
        next(answer.iter_lines())
    assert listener.heard.get(timeout=5).status == 499
    assert backend.closed == 1


def test_a_busy_gateway_leaves_shadows_out(
    client: TestClient, gateway: Gateway, table: RouteTable
) -> None:
    slow = NamingBackend("http://replica-2/v1", waits=for_ever)
    table.hold(deployment(8), slow)
    shadowed = Assignment(
        deployment=deployment(7), experiment=3, arm="champion", shadow=deployment(8)
    )
    gateway.assigner = Assigner(table, shadowed)
    statuses = [client.post(CHAT, json=asking()).status_code for _ in range(10)]
    assert statuses == [200] * 10
    assert "incumbent_shadows_left_out 2.0" in client.get("/metrics").text
