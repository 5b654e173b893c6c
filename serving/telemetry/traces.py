"""Spans of OpenTelemetry, where an exporter is set up in the environment; no cost elsewhere.

The attributes' names are those of OpenTelemetry's semantic conventions for generative AI.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from serving.telemetry.served import Served

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

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
    found: dict[str, str | int | tuple[str, ...] | None] = {
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
    return {name: value for name, value in found.items() if value not in (None, "")}
