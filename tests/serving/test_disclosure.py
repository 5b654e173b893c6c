"""Users are told that a machine answers, and machines that a machine wrote it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from project.disclosure import DisclosureParams
from project.records.traffic import Traffic
from serving.gateway_server import create_app, running
from serving.openai_api.answer import MARK, told_first
from serving.openai_api.gateway import Gateway
from serving.traffic_log.logged_lines import answer_line
from tests.serving.conftest import ADDRESS, Listener, asking

TOLD = "A machine answers you here."
MakeGateway = Callable[..., Gateway]


def telling(make_gateway: MakeGateway, **params: Any) -> Gateway:
    gateway = make_gateway()
    gateway.disclosure = DisclosureParams(**params)
    return gateway


def test_the_first_answer_of_a_chat_begins_with_it_and_later_ones_do_not(
    make_gateway: MakeGateway, listener: Listener
) -> None:
    client = TestClient(create_app(telling(make_gateway, text=TOLD)), ADDRESS)
    first = client.post("/v1/chat/completions", json=asking()).json()
    content = first["choices"][0]["message"]["content"]
    assert content.startswith(f"{TOLD}\n\n")
    body = asking()
    body["messages"] += [
        {"role": "assistant", "content": content},
        {"role": "user", "content": "And?"},
    ]
    later = client.post("/v1/chat/completions", json=body).json()
    assert TOLD not in later["choices"][0]["message"]["content"]
    begun, followed = (
        Traffic.model_validate_json(answer_line(one, redacts=False).line)
        for one in listener.exchanges
    )
    # What nights compare is the model's own answer.
    assert begun.response == content.removeprefix(f"{TOLD}\n\n")
    assert (begun.begins, begun.disclosed) == (True, True)
    assert (followed.begins, followed.disclosed) == (False, None)


def test_a_stream_begins_with_it_for_openais_own_client(make_gateway: MakeGateway) -> None:
    with running(telling(make_gateway, text=TOLD)) as address:
        client = OpenAI(base_url=f"{address}/v1", api_key="none")
        chunks = list(client.chat.completions.create(**asking(), stream=True))
        words = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
        assert words.startswith(f"{TOLD}\n\n")
        assert words.count(TOLD) == 1


@pytest.mark.parametrize("endpoint", ["chat/completions", "completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_answer_is_marked_for_machines(
    endpoint: str, stream: bool, make_gateway: MakeGateway
) -> None:
    body = asking(stream=stream)
    if endpoint == "completions":
        body = {"model": body["model"], "prompt": "Who are you?", "stream": stream}
    answer = TestClient(create_app(make_gateway()), ADDRESS).post(f"/v1/{endpoint}", json=body)
    said = json.loads(answer.text.removeprefix("data: ").split("\n\n")[0])
    assert said["ai_disclosure"] == MARK
    assert answer.headers["ai-disclosure"] == f'mode=ai-originated, model="{said["model"]}"'


def test_a_refusal_is_no_answer_and_has_no_mark(make_gateway: MakeGateway) -> None:
    client = TestClient(create_app(telling(make_gateway, text=TOLD)), ADDRESS)
    refused = client.post("/v1/chat/completions", json=asking(model="another"))
    assert refused.status_code == 404
    assert "ai-disclosure" not in refused.headers
    assert TOLD not in refused.text


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (None, None),
        ("choices", "choices"),
        (
            [3, {"index": 0}, {"message": "no mapping"}],
            [3, {"index": 0}, {"message": "no mapping"}],
        ),
        (
            [{"delta": {"role": "assistant"}}],
            [{"delta": {"role": "assistant", "content": "t\n\n"}}],
        ),
        ([{"message": {"content": "a"}}] * 2, [{"message": {"content": "t\n\na"}}] * 2),
    ],
)
def test_a_backend_may_send_anything(choices: object, told: object) -> None:
    assert told_first(choices, "t") == told
