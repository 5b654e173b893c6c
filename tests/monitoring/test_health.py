"""/healthz is 200 for a scheduler that lives and 503 for one that does not; /metrics adds up."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Event
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from monitoring.scheduling.health import pages_of, serving
from monitoring.scheduling.job import Cron, Figures, Job, JobResult, ScheduleParams, address_of
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.scheduling.runs import Claim, JobRun
from project.errors import InputError
from registry.notices import Notice
from registry.storage.database import connect
from tests.scheduling import NAME, Clock

MADE = {
    date(2026, 3, 7): Figures(verdict="no_drift", evidence=1.5, threshold=100.0),
    date(2026, 3, 8): Figures(verdict="drift", evidence=120.0, threshold=100.0, retrain="held"),
    date(2026, 3, 9): Figures(verdict="no_drift", evidence=2.5, threshold=100.0),
}


def work(claim: Claim, stop: Event) -> JobResult:
    notice = Notice(key=f"night {claim.date}", kind="night", text="done")
    clock.forward(minutes=2)
    return JobResult(MADE[claim.date], (notice,))


def figures(run: JobRun) -> Figures:
    return Figures.model_validate_json(run.record or "")


clock = Clock("2026-03-10T03:00:00Z")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    clock.now = Clock("2026-03-10T03:00:00Z").now
    engine = connect(f"sqlite:///{tmp_path / 'registry.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def scheduler(engine: Engine) -> Scheduler:
    job = Job(NAME, Cron("30 2 * * *", "UTC"), work, figures)
    return Scheduler(ScheduleParams(catch_up_days=3), [job], engine, clock=clock)


@contextmanager
def shown(scheduler: Scheduler) -> Iterator[str]:
    pages = pages_of(scheduler.engine, scheduler.jobs, scheduler.holder, clock)
    with serving(("127.0.0.1", 0), pages) as port:
        yield f"http://127.0.0.1:{port}"


def got(url: str) -> tuple[int, str]:
    try:
        with urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def measured(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values."""
    return {
        (sample.name.removeprefix("incumbent_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scheduler_that_beats_is_well(scheduler: Scheduler) -> None:
    scheduler.beat()
    with shown(scheduler) as url:
        status, body = got(f"{url}/healthz")
    assert status == 200
    assert json.loads(body) == {
        "healthy": True,
        "problem": None,
        "scheduler": scheduler.holder,
        "doing": None,
        "next_job": NAME,
        "next_at": "2026-03-11T02:30:00.000Z",
        "refuses": None,
    }


@pytest.mark.parametrize("jump", [3, -3])
def test_a_scheduler_whose_heart_stands_still_is_not_well(scheduler: Scheduler, jump: int) -> None:
    scheduler.beat()
    clock.forward(minutes=jump)
    with shown(scheduler) as url:
        status, body = got(f"{url}/healthz")
    assert (status, json.loads(body)["problem"]) == (503, "no heartbeat for 180 s")


def test_a_scheduler_that_never_beat_is_not_well(scheduler: Scheduler) -> None:
    with shown(scheduler) as url:
        status, body = got(f"{url}/healthz")
    assert (status, json.loads(body)["problem"]) == (503, "no heartbeat yet")


def test_without_a_database_neither_page_is_well_and_both_answer(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    scheduler.beat()
    scheduler.engine.dispose()
    (tmp_path / "registry.db").unlink()
    (tmp_path / "registry.db").mkdir()
    with shown(scheduler) as url:
        for page in ("healthz", "metrics"):
            status, body = got(f"{url}/{page}")
            assert (status, json.loads(body)["problem"]) == (503, "the database does not answer")


def test_the_metrics_tell_of_nights_retrains_and_notices(scheduler: Scheduler) -> None:
    scheduler.tick()
    scheduler.beat()
    clock.forward(seconds=30)
    with shown(scheduler) as url:
        status, body = got(f"{url}/metrics")
    assert status == 200
    metrics = measured(body)
    assert metrics["last_date_seconds", NAME, "no_drift"] == 1773014400  # 2026-03-09
    assert metrics["last_evidence", NAME] == 2.5
    assert metrics["last_threshold", NAME] == 100
    assert metrics["verdicts_total", NAME, "no_drift"] == 2
    assert metrics["verdicts_total", NAME, "drift"] == 1
    assert metrics["retrains_total", NAME, "held"] == 1
    assert metrics["runs", NAME, "finished"] == 3
    assert metrics["runs", NAME, "failed"] == 0
    assert metrics["run_seconds_count", NAME] == 3
    assert metrics["run_seconds_sum", NAME] == 3 * 120
    assert metrics["scheduler_heartbeat_age_seconds", scheduler.holder] == 30
    assert metrics["notices", "waiting"] == 3


def test_before_the_first_night_there_is_nothing_to_tell(scheduler: Scheduler) -> None:
    with shown(scheduler) as url:
        status, body = got(f"{url}/metrics")
    assert status == 200
    assert ("last_evidence", NAME) not in measured(body)


def test_other_pages_are_not_there(scheduler: Scheduler) -> None:
    with shown(scheduler) as url:
        assert got(url)[0] == 404
        assert got(f"{url}/healthz?probe=1")[0] == 503


@pytest.mark.parametrize(
    ("health", "address"),
    [
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_the_pages_are_for_this_machine_unless_a_host_is_named(
    health: str, address: tuple[str, int]
) -> None:
    assert address_of(health) == address


def test_an_address_that_is_taken_says_so(scheduler: Scheduler) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        complaint = "monitoring.schedule.health: 127.0.0.1 port .* cannot be had: Address already"
        with pytest.raises(InputError, match=complaint), serving(taken.getsockname(), {}):
            pass
