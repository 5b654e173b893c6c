"""Two pages for programs: /healthz says whether the scheduler lives, /metrics how it fares."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy import Engine

from monitoring.scheduling.job import Job
from monitoring.scheduling.prometheus_metrics import RegistryCollector
from project.canonical import canonical_json
from project.errors import IncumbentError, InputError
from project.records.record import Record
from project.settings import PARAMS
from registry.jobs.heartbeats import living

Clock = Callable[[], datetime]


class Health(Record):
    """Whether one scheduler is well, and if not, why."""

    healthy: bool
    problem: str | None = None
    scheduler: str
    doing: str | None = None
    next_job: str | None = None
    next_at: str | None = None
    refuses: str | None = None  # why this machine must not do a job; it does the others


class Page(Record):
    status: int
    kind: str
    body: bytes


Pages = dict[str, Callable[[], Page]]


def health_of(engine: Engine, holder: str, now: datetime) -> Health:
    """A scheduler is well when the database answers and has a fresh sign of its life."""
    try:
        heartbeat = next((known for known in living(engine) if known.holder == holder), None)
    except IncumbentError:
        return Health(healthy=False, problem="the database does not answer", scheduler=holder)
    if heartbeat is None:
        return Health(healthy=False, problem="no heartbeat yet", scheduler=holder)
    healthy, age = heartbeat.is_fresh(now), heartbeat.age(now).total_seconds()
    return Health(
        healthy=healthy,
        problem=None if healthy else f"no heartbeat for {age:.0f} s",
        scheduler=holder,
        doing=heartbeat.doing,
        next_job=heartbeat.next_job,
        next_at=heartbeat.next_at,
        refuses=heartbeat.refuses,
    )


def pages_of(engine: Engine, jobs: Sequence[Job], holder: str, clock: Clock) -> Pages:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RegistryCollector(engine, jobs, clock))

    def healthz() -> Page:
        health = health_of(engine, holder, clock())
        status = 200 if health.healthy else 503
        return Page(status=status, kind="application/json", body=health.canonical() + b"\n")

    def metrics() -> Page:
        try:
            return Page(status=200, kind=CONTENT_TYPE_LATEST, body=generate_latest(registry))
        except IncumbentError:
            problem = canonical_json({"problem": "the database does not answer"})
            return Page(status=503, kind="application/json", body=problem + b"\n")

    return {"/healthz": healthz, "/metrics": metrics}


@contextmanager
def serving(address: tuple[str, int], pages: Pages) -> Iterator[int]:
    """Serve pages until the block ends; yields the port, which the system chooses where it is 0.

    Raises InputError when the address cannot be had.
    """
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
