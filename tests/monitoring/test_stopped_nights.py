"""SIGTERM in a long check: the night is given back at once, and the next one does it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from errno import ENOSPC
from pathlib import Path
from threading import Event
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from monitoring.night import nightly_job
from monitoring.night_context import NightContext
from monitoring.scheduling import service
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.notice_delivery import NoticeParams
from monitoring.scheduling.runs import runs_of
from project.engine import embedded_texts
from project.errors import StoppedError
from project.files import home
from project.records.drift import DriftVerdict
from registry.store import Registry
from retrieval.embedder import Embeddings
from tests.conftest import BASE, ROOT
from tests.quick_nights import Make, day, opened, rows_of, run, scheduler_of, site_of
from tests.scheduling import LONG, Clock


class Slow(Embeddings):
    """The real cache, and an embedder that takes until the night is asked to end."""

    def __init__(self) -> None:
        super().__init__(BASE, Path("embeddings.db"))

    def until(self, stop: Event) -> Self:
        made = super().until(stop)
        vars(made)["model"] = SlowModel(stop)
        return made


class SlowModel:
    tokenizer: Any = None
    max_seq_length = 256

    def __init__(self, stop: Event) -> None:
        self.stop = stop

    def encode(self, texts: Sequence[str], **_: object) -> NDArray[np.float32]:
        print("begun", flush=True)
        assert self.stop.wait(LONG)
        return np.full((len(texts), 8), 8**-0.5, np.float32)


def context_of(registry: Registry) -> NightContext:
    made = site_of(registry)
    return NightContext(**(vars(made) | {"embeddings": Slow()}))


def main() -> None:
    """A scheduler with one night to do, in a process of its own."""
    service.TICK = timedelta(milliseconds=20)
    vars(embedded_texts)["SHARD"] = 1
    clock = Clock(f"{day(4)}T03:00:00+00:00")
    params = ScheduleParams(catch_up_days=1)
    with Registry(home() / "registry", "bank", clock=clock) as registry:
        jobs = [nightly_job(context_of(registry), params)]
        service.serve(params, jobs, registry.engine, NoticeParams(), clock=clock)
    print("ended in order", flush=True)


def test_a_night_that_gets_sigterm_in_its_check_is_given_back_and_done_by_the_next_one(
    make_adapter: Make,
) -> None:
    with opened(make_adapter) as registry:
        context = site_of(registry)
        for number in range(4):
            context.traffic.append(rows_of(number))
        code = "from tests.monitoring.test_stopped_nights import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE
        )
        assert process.stdout is not None and process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=LONG)[0].endswith(b"ended in order\n")
        (given_back,) = runs_of(registry.engine, "nightly bank")
        assert (given_back.state, given_back.attempts) == ("waiting", 0)
        assert run(context, 3, []).verdict is DriftVerdict.NO_DRIFT


def test_reading_a_long_log_and_embedding_end_when_they_are_asked_to(
    make_adapter: Make,
) -> None:
    stop = Event()
    with opened(make_adapter) as registry:
        context = site_of(registry).until(stop)
        context.traffic.append(rows_of(3))
        context.sample([day(3)], 10)
        stop.set()
        with pytest.raises(StoppedError):
            context.sample([day(3)], 10)
        with pytest.raises(StoppedError):
            Slow().until(stop).encode(["a text"])


def test_a_full_disk_fails_the_night_with_its_reason_and_leaves_nothing_half_written(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(make_adapter) as registry:
        context = site_of(registry)
        for number in range(3):
            context.traffic.append(rows_of(number))
        run(context, 3)
        units = sorted((home() / "monitoring").rglob("*.npz"))
        with monkeypatch.context() as disk:
            disk.setattr(os, "fsync", full)
            run_in_vain(context, 4)
        (failed, _) = runs_of(registry.engine, "nightly bank")
        assert "No space left on device" in (failed.problem or "")
        assert sorted((home() / "monitoring").rglob("*.npz")) == units
        assert not list((home() / "monitoring").rglob(".*"))
        assert run(context, 4, []).verdict is DriftVerdict.NO_DRIFT


def full(handle: int) -> None:
    raise OSError(ENOSPC, os.strerror(ENOSPC))


def run_in_vain(context: NightContext, number: int) -> None:
    context.traffic.append(rows_of(number))
    scheduler = scheduler_of(context)
    assert not scheduler.run(scheduler.jobs[0], day(number))
