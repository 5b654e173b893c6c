"""Which fields of a request reach a backend, and within which limits."""

import json
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.gateway_server import create_app
from tests.serving.conftest import ADDRESS, MakeGateway, NamingBackend, asking

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"


@pytest.mark.parametrize(
    "field",
    [
        {"chat_template": "{{ x }}"},
        {"chat_template_kwargs": {"chat_template": "{{ x }}"}},  # vLLM takes it from there too
        {"lora_path": "bank-v6-060606060606"},  # SGLang's name for an adapter
        {"request_id": "of-somebody-else"},
        {"rid": "of-somebody-else"},
        {"bootstrap_host": "169.254.169.254"},
        {"custom_logit_processor": "80049502"},
        {"mm_processor_kwargs": {"a": 1}},
        {"constrained": False},  # of what a version was judged with
        {"a field that nobody knows yet": 1},
    ],
)
@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_a_field_that_is_not_known_to_be_harmless_reaches_no_backend(
    client: TestClient, backend: NamingBackend, path: str, field: dict[str, Any]
) -> None:
    body = asking() if path == CHAT else {"model": "bank", "prompt": "x"}
    answer = client.post(path, json=body | field)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (next(iter(field)), "unsupported_parameter")
    assert not backend.asked


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("max_token", "`max_token` cannot be chosen by a request. Did you mean `max_tokens`?"),
        ("temprature", "`temprature` cannot be chosen by a request. Did you mean `temperature`?"),
        ("zzz", "`zzz` cannot be chosen by a request."),
    ],
)
def test_a_slip_in_a_fields_name_is_answered_with_what_was_meant(
    client: TestClient, field: str, said: str
) -> None:
    answer = client.post(CHAT, json=asking() | {field: 1})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, said)


VLLM = {"backend": "vllm", "pools": [{"base": "b", "replicas": ["http://127.0.0.1:9/v1"]}]}
SGLANG = VLLM | {"backend": "sglang"}


@pytest.mark.attack
@pytest.mark.parametrize(
    ("engine", "path", "field"),
    [
        (VLLM, CHAT, {"guided_regex": "yes|no"}),
        (VLLM, CHAT, {"guided_json": {"type": "object"}}),
        (VLLM, CHAT, {"regex": "yes|no"}),
        (VLLM, CHAT, {"functions": [{"name": "f"}]}),
        (VLLM, CHAT, {"suffix": "the end"}),
        (VLLM, CHAT, {"best_of": 2}),
        (VLLM, CHAT, {"prompt": "another question"}),
        (VLLM, CHAT, {"verbosity": "low"}),
        (VLLM, COMPLETIONS, {"tools": [{"type": "function"}]}),
        (VLLM, COMPLETIONS, {"top_logprobs": 3}),
        (SGLANG, CHAT, {"bad_words": ["no"]}),
        (SGLANG, CHAT, {"structured_outputs": {"regex": "yes|no"}}),
        (SGLANG, COMPLETIONS, {"allowed_token_ids": [1, 2]}),
    ],
)
def test_a_field_that_the_engine_would_leave_out_in_silence_is_refused(
    make_gateway: MakeGateway,
    backend: NamingBackend,
    engine: dict[str, Any],
    path: str,
    field: dict[str, Any],
) -> None:
    body = asking() if path == CHAT else {"model": "bank", "prompt": "x"}
    with TestClient(create_app(make_gateway(**engine)), ADDRESS) as client:
        answer = client.post(path, json=body | field)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == next(iter(field))
        assert not backend.asked
        nothing = {"best_of": 1, "verbosity": "medium", "modalities": ["text"], "stop": None}
        assert client.post(path, json=body | nothing | {"seed": 7}).is_success


def test_a_field_that_the_engine_does_reaches_it(
    make_gateway: MakeGateway, backend: NamingBackend
) -> None:
    for engine, field in ((VLLM, {"bad_words": ["no"]}), (SGLANG, {"regex": "yes|no"})):
        with TestClient(create_app(make_gateway(**engine)), ADDRESS) as client:
            assert client.post(CHAT, json=asking(**field)).is_success
        assert field.items() <= backend.asked[-1].items()


def test_a_field_without_a_value_is_no_fault(client: TestClient, backend: NamingBackend) -> None:
    assert client.post(CHAT, json=asking(chat_template=None)).is_success


def test_an_address_beside_a_text_is_not_fetched(client: TestClient) -> None:
    """vLLM looks for one wherever a part has a uuid."""
    part = {"type": "text", "text": "Hi", "uuid": "1", "image_url": "http://169.254.169.254/"}
    messages = [{"role": "user", "content": [part]}]
    assert client.post(CHAT, json=asking() | {"messages": messages}).status_code == 400


@pytest.mark.parametrize(
    "field",
    [
        {"stop": ["x"] * 17},
        {"stop_token_ids": list(range(17))},
        {"logit_bias": {str(token): 1 for token in range(1025)}},
        {"bad_words": ["x"] * 1025},
        {"top_logprobs": 150_000},
        {"logprobs": -1},
        {"prompt_logprobs": -1},  # all of the vocabulary, at each token of the prompt
        {"max_tokens": 10**300},
        {"max_completion_tokens": 1025},
    ],
)
def test_what_would_keep_an_engine_from_others_is_refused(
    client: TestClient, backend: NamingBackend, field: dict[str, Any]
) -> None:
    for path, body in ((CHAT, asking()), (COMPLETIONS, {"model": "bank", "prompt": "x"})):
        answer = client.post(path, json=body | field)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"].startswith(next(iter(field)))
    assert not backend.asked


def test_a_completion_is_limited_by_either_name_of_the_limit(
    client: TestClient, backend: NamingBackend
) -> None:
    for field in ({}, {"max_completion_tokens": 5}, {"max_tokens": 5}):
        client.post(COMPLETIONS, json={"model": "bank", "prompt": "x", **field})
    assert [body["max_tokens"] for body in backend.asked] == [48, 5, 5]
    assert "max_completion_tokens" not in backend.asked[1]


@pytest.mark.parametrize("number", ["9" * 400 + ".0", "1e999", "-" + "9" * 310 + "e0"])
def test_a_number_above_all_floats_is_refused_however_it_is_written(
    client: TestClient, backend: NamingBackend, number: str
) -> None:
    body = json.dumps(asking())[:-1] + f', "temperature": {number}}}'
    assert client.post(CHAT, content=body).status_code == 400
    assert not backend.asked


def test_a_body_full_of_faults_is_refused_at_the_first(client: TestClient) -> None:
    """A list of 300,000 of them took a second, in which nobody else was answered."""
    faults = ",".join(["{}"] * 300_000)
    parts = ",".join(['{"type": "text"}'] * 50_000)
    began = time.process_time()
    for messages in (f"[{faults}]", f'[{{"role": "user", "content": [{parts}]}}]'):
        answer = client.post(CHAT, content=f'{{"model": "bank", "messages": {messages}}}')
        assert answer.status_code == 400
    assert time.process_time() - began < 1.5


def test_a_part_that_is_no_text_is_refused_by_its_type(client: TestClient) -> None:
    said = [{"type": "image_url", "image_url": {"url": "http://192.0.2.1/a.png"}}]
    messages = [{"role": "user", "content": said}]
    error = client.post(CHAT, json=asking(messages=messages)).json()["error"]
    assert error["param"] == "messages.0.content.0.type"
    assert "must be 'text'" in error["message"]
