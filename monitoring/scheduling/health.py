"""Two pages for programs: /healthz says whether the scheduler lives, /metrics how it fares."""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.core import SummaryMetricFamily as Summary
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from monitoring.scheduling.heartbeats import living
from monitoring.scheduling.job import Figures, Job
from monitoring.scheduling.outbox import depth
from monitoring.scheduling.runs import JobRun, RunState, runs_of
from project.canonical import canonical_json
from project.errors import IncumbentError, InputError
from project.records.record import LATER, Record
from project.settings import PARAMS

Clock = Callable[[], datetime]
LOOKED_AT = 8  # runs, for the newest that is finished


class SchedulerHealth(Record):
    """Whether one scheduler is well, and if not, why."""

    healthy: bool
    problem: str | None = None
    scheduler: str
    doing: str | None = None
    next_job: str | None = None
    next_at: str | None = None
    refuses: str | None = None  # why this machine must not do a job; it does the others
    # Of each job whose newest run could tell nothing, why. It is no reason to start anew.
    blind: Annotated[dict[str, str] | None, LATER] = None


class HealthPage(Record):
    status: int
    kind: str
    body: bytes


Pages = dict[str, Callable[[], HealthPage]]


def health_of(engine: Engine, jobs: Sequence[Job], holder: str, now: datetime) -> SchedulerHealth:
    """A scheduler is well when the database answers and has a fresh sign of its life."""
    try:
        heartbeat = next((known for known in living(engine) if known.holder == holder), None)
        newest = {job.name: figured(job, runs_of(engine, job.name, LOOKED_AT))[:1] for job in jobs}
        blind = {
            name: of_run.blind
            for name, known in newest.items()
            for _, of_run in known
            if of_run.blind
        }
    except IncumbentError:
        return SchedulerHealth(
            healthy=False, problem="the database does not answer", scheduler=holder
        )
    if heartbeat is None:
        return SchedulerHealth(healthy=False, problem="no heartbeat yet", scheduler=holder)
    healthy, age = heartbeat.is_fresh(now), heartbeat.age(now).total_seconds()
    return SchedulerHealth(
        healthy=healthy,
        problem=None if healthy else f"no heartbeat for {age:.0f} s",
        scheduler=holder,
        doing=heartbeat.doing,
        next_job=heartbeat.next_job,
        next_at=heartbeat.next_at,
        refuses=heartbeat.refuses,
        blind=blind or None,
    )


def pages_of(engine: Engine, jobs: Sequence[Job], holder: str, clock: Clock) -> Pages:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RegistryCollector(engine, jobs, clock))

    def healthz() -> HealthPage:
        health = health_of(engine, jobs, holder, clock())
        status = 200 if health.healthy else 503
        return HealthPage(status=status, kind="application/json", body=health.canonical() + b"\n")

    def metrics() -> HealthPage:
        try:
            return HealthPage(status=200, kind=CONTENT_TYPE_LATEST, body=generate_latest(registry))
        except IncumbentError:
            problem = canonical_json({"problem": "the database does not answer"})
            return HealthPage(status=503, kind="application/json", body=problem + b"\n")

    return {"/healthz": healthz, "/metrics": metrics}


@contextmanager
def serving(address: tuple[str, int], pages: Pages) -> Iterator[int]:
    """Serve pages until the block ends; yields the port. Raises InputError if it cannot."""
    try:
        server = server_of(address, pages)
    except OSError as error:
        problem = f"{address[0]} port {address[1]} cannot be had: {error.strerror or error}"
        raise InputError(problem, file=PARAMS, field="monitoring.schedule.health") from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health")
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def server_of(address: tuple[str, int], pages: Pages) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds that a silent client may keep its thread

        def do_GET(self) -> None:
            make = pages.get(self.path.partition("?")[0])
            if make is None:
                self.send_error(404, f"there are {' and '.join(pages)}")
                return
            page = make()
            self.send_response(page.status)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, *_: object) -> None:
            """Say nothing: a probe comes every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is none of the scheduler's business."""

    return Server(address, Handler)


# --- prometheus metrics ---------------------------------------------------------------------------

# What the registry knows of nights, retrains, schedulers and notices, as Prometheus reads it.


class RegistryCollector(Collector):
    """Reads the registry at each scrape, so that every scheduler reports the same."""

    def __init__(self, engine: Engine, jobs: Sequence[Job], clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self.jobs = jobs
        self.clock = clock

    def describe(self) -> Iterator[Metric]:
        """None ahead of a scrape: registering must not need a database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Raises IncumbentError when the database is away."""
        runs = {job: runs_of(self.engine, job.name) for job in self.jobs}
        yield from of_runs(runs)
        figures = {job: figured(job, known) for job, known in runs.items()}
        yield from of_verdicts(figures)
        yield from of_newest(figures)
        yield days_without_data(figures, self.clock().date())
        yield from self.of_the_service()

    def of_the_service(self) -> Iterator[Metric]:
        age = gauge("scheduler_heartbeat_age_seconds", "Since a scheduler was seen.", "holder")
        refuses = gauge("scheduler_refuses", "1: what a job needs is not on its machine.", "holder")
        for heartbeat in living(self.engine):
            age.add_metric([heartbeat.holder], heartbeat.age(self.clock()).total_seconds())
            refuses.add_metric([heartbeat.holder], float(heartbeat.refuses is not None))
        yield from (age, refuses)
        notices = gauge("notices", "Notices that are not delivered yet.", "state")
        for state, number in zip(("waiting", "given_up"), depth(self.engine), strict=True):
            notices.add_metric([state], number)
        yield notices


Figured = list[tuple[JobRun, Figures]]  # finished runs, the newest first


def figured(job: Job, runs: Sequence[JobRun]) -> Figured:
    finished = (run for run in runs if run.state is RunState.FINISHED)
    return [(run, figures) for run in finished if (figures := job.figures(run)) is not None]


def of_runs(runs: dict[Job, tuple[JobRun, ...]]) -> Iterator[Metric]:
    states = gauge(
        "runs", "Dates that a job was begun for, by what became of them.", "job", "state"
    )
    seconds = Summary("incumbent_run_seconds", "How long finished runs took.", labels=["job"])
    for job, known in runs.items():
        for state in RunState:
            states.add_metric([job.name, state], sum(run.state is state for run in known))
        took = [run.seconds for run in known if run.state is RunState.FINISHED and run.seconds]
        seconds.add_metric([job.name], count_value=len(took), sum_value=sum(took))
    yield from (states, seconds)


def of_verdicts(figures: dict[Job, Figured]) -> Iterator[Metric]:
    verdicts = counter("verdicts", "Finished runs by verdict.", "job", "verdict")
    retrains = counter("retrains", "Retrains by outcome.", "job", "outcome")
    for job, known in figures.items():
        for verdict, number in sorted(Counter(f.verdict for _, f in known).items()):
            verdicts.add_metric([job.name, verdict], number)
        for outcome, number in sorted(Counter(f.retrain for _, f in known if f.retrain).items()):
            retrains.add_metric([job.name, outcome], number)
    yield from (verdicts, retrains)


def of_newest(figures: dict[Job, Figured]) -> Iterator[Metric]:
    dated = gauge("last_date_seconds", "The newest finished date, since 1970.", "job", "verdict")
    evidence = gauge("last_evidence", "The evidence of the newest finished date.", "job")
    threshold = gauge("last_threshold", "What that evidence has to reach.", "job")
    blind = gauge("blind", "1: the newest finished dates could tell nothing.", "job")
    for job, known in figures.items():
        for run, newest in known[:1]:
            midnight = datetime.combine(run.date, time(), UTC)
            dated.add_metric([job.name, newest.verdict], midnight.timestamp())
            if newest.evidence is not None:
                evidence.add_metric([job.name], newest.evidence)
            if newest.threshold is not None:
                threshold.add_metric([job.name], newest.threshold)
            blind.add_metric([job.name], float(newest.blind is not None))
    yield from (dated, evidence, threshold, blind)


def days_without_data(figures: dict[Job, Figured], today: date) -> Metric:
    """Yesterday is the newest date that a night can have looked at."""
    silent = gauge("days_without_traffic", "Days over, since the last one with traffic.", "job")
    for job, known in figures.items():
        dates = [run.date for run, of_run in known if of_run.had_data and run.date < today]
        if dates:
            silent.add_metric([job.name], max((today - max(dates)).days - 1, 0))
    return silent


def gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"incumbent_{name}", about, labels=labels)


def counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"incumbent_{name}", about, labels=labels)
