"""What is known of requests that have ended, and the gateway's numbers as Prometheus reads them."""

import json
import logging
import os
import sys
import time
from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from project.canonical import stamp
from project.untrusted_input import one_line, shortened
from serving.deploying.route_table import RouteTable

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


CLIENT_GONE = 499  # as nginx has it: the client closed the connection before the answer


@dataclass
class Served:
    """Filled in while a request is served. None of it is a text of a prompt or an answer."""

    id: str  # in the header x-request-id
    method: str
    path: str
    began: float = field(default_factory=time.perf_counter)
    caller: str = ""
    asked: str = ""  # the model as the request names it: untrusted
    name: str = ""  # of the deployment that answered
    version: int | None = None
    arm: str | None = None
    answer: str = ""  # its id
    status: int = CLIENT_GONE
    begun: bool = False  # whether its status was sent
    error: str | None = None  # what a caller was told
    retries: int = 0  # on further replicas
    streamed: bool = False
    first_token_ms: float | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    finish: str | None = None

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.began) * 1000


# --- json log -------------------------------------------------------------------------------------

# Log lines as JSON, one object on one line: no text in them can pass for a line of its own.

log = logging.getLogger("incumbent.requests")
FIELDS = "fields"  # the attribute of a log record with what stands beside its message


class RequestLogFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": stamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII: no terminal obeys it


class TerminalLines(RequestLogFormatter):
    """Log lines for a person who watches: a request as a short line, all else as it is."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, FIELDS, None)
        if fields is None:
            return super().format(record)
        at = datetime.fromtimestamp(record.created).astimezone()
        shown = [fields.get(name) for name in ("method", "path", "status", "model", "error")]
        told = [one_line(value) for value in shown if value is not None]
        return " ".join([f"{at:%H:%M:%S}", *told, f"{fields['latency_ms']:.0f} ms"])


def log_as_json(level: int = logging.INFO, stream: TextIO = sys.stderr) -> None:
    """Let the whole process log in this form; at a terminal, requests in a shorter one."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TerminalLines() if stream.isatty() else RequestLogFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("incumbent", "serving", "evaluation.generation"):
        logging.getLogger(name).setLevel(level)


def log_request(served: Served) -> None:
    """A line for a request. What it asked and what was answered is never in it."""
    if not log.isEnabledFor(logging.INFO):
        return
    fields = {
        "request": served.id,
        "caller": served.caller,
        "method": served.method,
        "path": shortened(served.path),
        "asked": shortened(served.asked),
        "model": served.name,
        "version": served.version,
        "arm": served.arm,
        "answer": served.answer,
        "status": served.status,
        "error": served.error and shortened(served.error, 300),
        "latency_ms": round(served.elapsed_ms, 1),
        "first_token_ms": served.first_token_ms and round(served.first_token_ms, 1),
        "prompt_tokens": served.prompt_tokens,
        "answer_tokens": served.answer_tokens,
        "finish": served.finish,
        "retries": served.retries or None,
    }
    told = {name: value for name, value in fields.items() if value not in (None, "")}
    log.info("%s %s", served.method, served.status, extra={FIELDS: told})


# --- metrics --------------------------------------------------------------------------------------

# The gateway's numbers, as Prometheus reads them.

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
NOBODY = "none"  # the label of a request that no version answered


class Metrics:
    """One gateway's numbers. Labels hold callers and versions only, never what a request says."""

    def __init__(self, family: str, table: RouteTable) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "incumbent_requests",
            "Requests that have ended.",
            ["caller", "model", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "incumbent_request_seconds",
            "From a request to its end.",
            ["model"],
            registry=registry,
            buckets=SECONDS,
        )
        self.first_token = Histogram(
            "incumbent_first_token_seconds",
            "To a stream's first token.",
            ["model"],
            registry=registry,
            buckets=SECONDS,
        )
        self.tokens = Counter(
            "incumbent_tokens", "Of prompts and answers.", ["model", "kind"], registry=registry
        )
        self.retries = Counter(
            "incumbent_retries", "Requests that a further replica got.", registry=registry
        )
        self.observer_errors = Counter(
            "incumbent_observer_errors", "Faults of what hears of answers.", registry=registry
        )
        self.registry.register(RouteCollector(family, table))

    def watch(self, name: str, about: str, read: Callable[[], float]) -> None:
        """A number that is read at each scrape."""
        gauge = Gauge(f"incumbent_{name}", about, registry=self.registry)
        gauge.set_function(read)

    def ended(self, served: Served) -> None:
        model = served.name or NOBODY
        self.requests.labels(served.caller or NOBODY, model, str(served.status)).inc()
        if served.retries:
            self.retries.inc(served.retries)
        if not served.name:
            return
        self.seconds.labels(model).observe(served.elapsed_ms / 1000)
        if served.first_token_ms is not None:
            self.first_token.labels(model).observe(served.first_token_ms / 1000)
        self.tokens.labels(model, "prompt").inc(served.prompt_tokens or 0)
        self.tokens.labels(model, "answer").inc(served.answer_tokens or 0)

    def page(self) -> bytes:
        return generate_latest(self.registry)


class RouteCollector(Collector):
    """Which version answers, and what each replica holds, at the moment of a scrape."""

    def __init__(self, family: str, table: RouteTable) -> None:
        self.family = family
        self.table = table

    def collect(self) -> Iterator[Metric]:
        route = GaugeMetricFamily(
            "incumbent_route_info",
            "The version that the champion's traffic goes to.",
            labels=["family", "version", "model", "adapter"],
        )
        if champion := self.table.champion:
            labels = [self.family, str(champion.version or ""), champion.name]
            route.add_metric([*labels, champion.adapter or ""], 1)
        yield route
        slots = GaugeMetricFamily(
            "incumbent_adapter_slots_used", "Versions that a replica holds.", labels=["replica"]
        )
        for replica, held in Count(h.backend.replica for h in self.table.holders).items():
            slots.add_metric([replica], held)
        yield slots


# --- traces ---------------------------------------------------------------------------------------

# Spans of OpenTelemetry, where an exporter is set up in the environment; no cost elsewhere.
#
# The attributes' names are those of OpenTelemetry's semantic conventions for generative AI.

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
OPERATIONS = {"/v1/chat/completions": "chat", "/v1/completions": "text_completion"}


class Traces:
    """A span for each request that asks for an answer."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("incumbent") if provider else None

    @classmethod
    def from_environment(cls) -> "Traces":
        if not any(os.environ.get(name) for name in ENDPOINTS):
            return cls()
        # Imported here because they take a while, and few have an exporter.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        name = os.environ.get("OTEL_SERVICE_NAME", "incumbent")
        provider = TracerProvider(resource=Resource.create({"service.name": name}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    @contextmanager
    def span(self, served: Served, headers: Mapping[str, str]) -> Iterator[None]:
        """Around a request; it goes on from the caller's `traceparent`, if there is one."""
        operation = OPERATIONS.get(served.path)
        if self.tracer is None or operation is None:
            yield
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, Status, StatusCode

        with self.tracer.start_as_current_span(
            operation, extract(headers), SpanKind.SERVER, {"gen_ai.operation.name": operation}
        ) as span:
            yield
            span.update_name(f"{operation} {served.name}".strip())
            span.set_attributes(attributes_of(served))
            if served.status >= 500:
                span.set_status(Status(StatusCode.ERROR))

    def close(self) -> None:
        """Send what waits."""
        if self.provider:
            self.provider.shutdown()


def attributes_of(served: Served) -> dict[str, str | int | tuple[str, ...]]:
    attributes: dict[str, str | int | tuple[str, ...] | None] = {
        "gen_ai.provider.name": "incumbent",
        "gen_ai.request.model": served.asked[:200],
        "gen_ai.response.model": served.name,
        "gen_ai.response.id": served.answer,
        "gen_ai.response.finish_reasons": (served.finish,) if served.finish else None,
        "gen_ai.usage.input_tokens": served.prompt_tokens,
        "gen_ai.usage.output_tokens": served.answer_tokens,
        "http.request.method": served.method,
        "http.response.status_code": served.status,
        "url.path": served.path,
        "error.type": str(served.status) if served.status >= 400 else None,
        "incumbent.request.id": served.id,
        "incumbent.caller": served.caller,
        "incumbent.version": served.version,
        "incumbent.arm": served.arm,
    }
    return {name: value for name, value in attributes.items() if value not in (None, "")}
