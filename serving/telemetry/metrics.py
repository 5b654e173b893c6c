"""The gateway's numbers, as Prometheus reads them."""

from collections import Counter as Count
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.deploying.route_table import RouteTable
from serving.telemetry.served import Served

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
NOBODY = "none"  # the label of a request that no version answered


class Metrics:
    """Of one gateway. Labels hold callers and versions only, never what a request says."""

    def __init__(self, family: str, table: RouteTable) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter(
            "incumbent_requests",
            "Requests that have ended.",
            ["caller", "model", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "incumbent_request_seconds",
            "From a request to its end.",
            ["model"],
            registry=own,
            buckets=SECONDS,
        )
        self.first_token = Histogram(
            "incumbent_first_token_seconds",
            "To a stream's first token.",
            ["model"],
            registry=own,
            buckets=SECONDS,
        )
        self.tokens = Counter(
            "incumbent_tokens", "Of prompts and answers.", ["model", "kind"], registry=own
        )
        self.retries = Counter(
            "incumbent_retries", "Requests that a further replica got.", registry=own
        )
        self.observer_errors = Counter(
            "incumbent_observer_errors", "Faults of what hears of answers.", registry=own
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
