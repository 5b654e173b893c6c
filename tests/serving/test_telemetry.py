"""What is seen of a gateway from outside: metrics, spans and log lines."""

import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from evaluation.generation.backends.backend import BackendError
from serving.deploying.route_table import ReplicaState, RouteTable, ServingState
from serving.gateway_server import create_app, watch_deploying
from serving.openai_api.gateway import Gateway
from serving.traffic_log.metrics import Metrics, RequestLogFormatter, Traces
from tests.conftest import ROOT
from tests.serving.conftest import ADDRESS, MakeGateway, NamingBackend, asking, deployment

CHAT = "/v1/chat/completions"
V7 = deployment(7).name
TRACE = "0af7651916cd43dd8448eb211c80319c"


def page(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def test_metrics_count_requests_by_caller_model_and_status(client: TestClient) -> None:
    client.post(CHAT, json=asking())
    client.post(CHAT, json=asking(stream=True))
    client.post(CHAT, json=asking(model="x" * 50))
    found = page(client)
    own = f'caller="local",model="{V7}"'
    assert found[f'incumbent_requests_total{{{own},status="200"}}'] == 2
    assert found['incumbent_requests_total{caller="local",model="none",status="404"}'] == 1
    assert found[f'incumbent_tokens_total{{kind="answer",model="{V7}"}}'] == 6
    assert found[f'incumbent_request_seconds_count{{model="{V7}"}}'] == 2
    assert found[f'incumbent_first_token_seconds_count{{model="{V7}"}}'] == 1
    assert found["incumbent_requests_running"] == 0


def test_metrics_say_which_digest_answers_and_what_replicas_hold(
    client: TestClient, backend: NamingBackend, table: RouteTable
) -> None:
    table.hold(deployment(6), backend)
    found = page(client)
    adapter = deployment(7).adapter
    route = f'adapter="{adapter}",family="bank",model="{V7}",version="7"'
    assert found[f"incumbent_route_info{{{route}}}"] == 1
    assert found[f'incumbent_adapter_slots_used{{replica="{backend.replica}"}}'] == 2


def test_metrics_call_a_person_to_what_deploying_cannot_mend() -> None:
    replica = ReplicaState(
        replica="one", base="b", checked=(), loaded=("a",), slots=1, running=0, alarm=None
    )
    full = replica.model_copy(update={"replica": "two", "alarm": "no place"})
    away = replica.model_copy(update={"replica": "three", "base": None})
    fields = {"family": "bank", "champion": 7, "deployed": None, "adapter": None, "previous": None}
    fields |= {"experiments": (), "replicas": (replica, full, away), "problems": ()}
    metrics = Metrics("bank", RouteTable())
    watch_deploying(metrics, lambda: ServingState.model_validate(fields))
    lines = metrics.page().decode().splitlines()
    for name in ("champion_not_deployed", "replicas_full", "replicas_away"):
        assert f"incumbent_{name} 1.0" in lines


@pytest.fixture
def spans(gateway: Gateway) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    gateway.traces = Traces(provider)
    return exporter


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


def test_a_span_goes_on_from_the_caller_s_and_names_what_answered(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    client.post(CHAT, json=asking("a secret"), headers=headers)
    client.get("/v1/models")
    span = only(spans)
    assert span.name == f"chat {V7}"
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.request.model"] == "bank"
    assert attributes["gen_ai.response.model"] == V7
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert "secret" not in str(attributes)


def test_a_span_of_a_failure_is_marked(
    client: TestClient, spans: InMemorySpanExporter, backend: NamingBackend
) -> None:
    backend.fails = BackendError(500, "broken")
    client.post(CHAT, json=asking())
    span = only(spans)
    assert not span.status.is_ok
    assert dict(span.attributes or {})["error.type"] == "500"


class Collector(BaseHTTPRequestHandler):
    """Takes spans as a collector of OpenTelemetry does."""

    names: ClassVar[SimpleQueue[str]] = SimpleQueue()

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        for resource in ExportTraceServiceRequest.FromString(data).resource_spans:
            for span in resource.scope_spans[0].spans:
                self.names.put(f"{self.path} {span.name}")
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_spans_reach_the_collector_that_the_environment_names(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        gateway = make_gateway()
        gateway.traces = Traces.from_environment()
        with TestClient(create_app(gateway), ADDRESS) as client:
            client.post(CHAT, json=asking())
        gateway.traces.close()
        server.shutdown()
    assert Collector.names.get(timeout=10) == f"/v1/traces chat {V7}"


def test_without_an_exporter_nothing_of_opentelemetry_is_loaded() -> None:
    code = (
        "import sys; from serving.traffic_log.metrics import Traces; Traces.from_environment(); "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert shown.stdout == "[]\n"


def test_a_request_is_one_line_of_json(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "incumbent.requests")
    client.post(CHAT, json=asking("my secret", stream=True), headers={"x-request-id": "r1"})
    line = json.loads(RequestLogFormatter().format(caplog.records[-1]))
    expected = {"request": "r1", "caller": "local", "model": V7, "version": 7, "status": 200}
    assert expected.items() <= line.items()
    assert line["first_token_ms"] <= line["latency_ms"]
    assert "secret" not in json.dumps(line)


def test_a_refusal_s_line_says_why(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "incumbent.requests")
    client.post(CHAT, json=asking(max_tokens=9999))
    line = json.loads(RequestLogFormatter().format(caplog.records[-1]))
    assert line["status"] == 400
    assert "max_tokens" in line["error"]


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("x", 40, "f", 1, "it broke", (), sys.exc_info())
    line = RequestLogFormatter().format(record)
    assert "\n" not in line
    assert "second" in json.loads(line)["exception"]
