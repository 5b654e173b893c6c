"""What the gateway's own log and numbers say, whatever requests and backends say."""

import json
import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import BUSY, BackendError
from serving.openai_api.caller_request import NO_FIELD
from serving.openai_api.gateway import Gateway
from serving.traffic_log.metrics import RequestLogFormatter
from tests.serving.conftest import NamingBackend, asking

CHAT = "/v1/chat/completions"
QUOTES = "1 validation error: [input_value='my secret', input_type=str]"


@pytest.mark.attack
@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 422, 500, 502, BUSY])
@pytest.mark.parametrize("stream", [False, True])
def test_a_complaint_that_quotes_the_prompt_is_in_no_log(
    client: TestClient,
    backend: NamingBackend,
    caplog: pytest.LogCaptureFixture,
    status: int,
    stream: bool,
) -> None:
    """vLLM and SGLang quote the fields that they refuse."""
    caplog.set_level(logging.INFO)
    backend.fails = BackendError(status, QUOTES, {"message": QUOTES})
    answer = client.post(CHAT, json=asking("my secret", stream=stream))
    lines = [RequestLogFormatter().format(record) for record in caplog.records]
    assert json.loads(lines[-1])["status"] == answer.status_code
    assert "my secret" not in "".join(lines)


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "my secret"}}
PART = {"type": "text", "text": "x", "my secret": 1}
SCHEMA = {"type": "function", "function": {"name": "f", "parameters": {"type": "my secret"}}}


@pytest.mark.attack
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [PART]}]}, None),
        ({"messages": [{"role": "my secret", "content": "x"}]}, "messages"),
        ({"tools": [SCHEMA]}, "tools"),
        ({"incumbent": {"evidence": "my secret"}}, "incumbent"),
        ({"logit_bias": {"my secret": "x"}}, "logit_bias"),
        ({"n": 17}, "n"),
    ],
)
def test_a_refusal_of_what_a_request_says_is_logged_by_its_field_alone(
    client: TestClient, caplog: pytest.LogCaptureFixture, fields: dict[str, Any], field: str | None
) -> None:
    """Small models write broken arguments often, and clients send them back."""
    caplog.set_level(logging.INFO)
    assert client.post(CHAT, json=asking() | fields).status_code == 400
    line = RequestLogFormatter().format(caplog.records[-1])
    assert json.loads(line)["error"] == (f"`{field}` was refused." if field else NO_FIELD)
    assert "my secret" not in line


@pytest.mark.attack
@pytest.mark.parametrize("named", ['"my secret": 1', '"my secret": 1, "my secret": 2'])
@pytest.mark.parametrize(
    ("path", "body"), [(CHAT, asking()), ("/v1/feedback", {"id": "x", "rating": 1})]
)
def test_a_name_of_a_field_that_there_is_not_is_in_no_log(
    client: TestClient, caplog: pytest.LogCaptureFixture, path: str, body: Any, named: str
) -> None:
    caplog.set_level(logging.INFO)
    content = f"{json.dumps(body)[:-1]}, {named}}}"
    assert client.post(path, content=content).status_code == 400
    line = RequestLogFormatter().format(caplog.records[-1])
    assert "was refused." in line
    assert "my secret" not in line


@pytest.mark.attack
def test_a_stream_that_breaks_with_the_prompt_in_its_error_is_in_no_log(
    client: TestClient, backend: NamingBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for status in (404, 418, 500):
        backend.breaks = BackendError(status, QUOTES, {"message": QUOTES})
        assert "broke off" in client.post(CHAT, json=asking("my secret", stream=True)).text
    assert "my secret" not in "".join(
        RequestLogFormatter().format(record) for record in caplog.records
    )


def test_the_log_names_the_replica_and_the_request_that_it_failed_on(
    client: TestClient, backend: NamingBackend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.fails = BackendError(418, QUOTES, {"message": QUOTES})
    client.post(CHAT, json=asking(), headers={"x-request-id": "r7"})
    assert f"{backend.replica} failed on request r7 with status 418" in caplog.text


def test_a_caller_reads_why_a_backend_refused_its_request(
    client: TestClient, backend: NamingBackend
) -> None:
    backend.fails = BackendError(400, QUOTES, {"message": QUOTES})
    assert "validation error" in client.post(CHAT, json=asking()).text


def test_a_fault_of_ours_is_counted_logged_and_told_by_the_request_s_id(
    client: TestClient, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.state = lambda: 1 / 0  # type: ignore[assignment]
    answer = client.get("/v1/incumbent/serving", headers={"x-request-id": "r1"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "r1")
    assert answer.json()["error"]["type"] == "server_error"
    assert "ZeroDivision" not in answer.text
    counted = 'incumbent_requests_total{caller="local",model="none",status="500"} 1.0'
    assert counted in client.get("/metrics").text
    (line,) = [r for r in caplog.records if "r1" in r.getMessage()]
    assert "ZeroDivisionError" in RequestLogFormatter().format(line)


@pytest.mark.parametrize("tokens", [10**400, True, -1, 1e300, "9"])
@pytest.mark.parametrize("stream", [False, True])
def test_numbers_that_a_backend_makes_up_break_nothing(
    client: TestClient, backend: NamingBackend, tokens: object, stream: bool
) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": tokens}
    backend.fields, backend.chunks = {"usage": usage}, [{"choices": [], "usage": usage}]
    assert client.post(CHAT, json=asking(stream=stream)).status_code == 200
    assert 'status="200"} 1.0' in client.get("/metrics").text
