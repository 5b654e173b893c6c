"""What the gateway's own log and numbers say, whatever requests and backends say."""

import json
import logging

import pytest
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import BUSY, BackendError
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
