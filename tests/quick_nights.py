"""Whole nights in fractions of a second: real traffic files and a real registry, an embedder that
is a table of words.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np

from incumbent.verbs.nightly import done_again
from monitoring.monitoring_settings import DriftParams, TriggerParams
from monitoring.night import nightly_job
from monitoring.night_context import NightContext
from monitoring.night_history import check_of
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.job_scheduler import Scheduler
from monitoring.signals.signal import Floats
from monitoring.traffic.traffic_store import TrafficStore
from project.files import home
from project.records.adapters import Adapter
from project.records.drift import Night
from project.records.traffic import Traffic
from registry.store import Registry
from retrieval.embedder import Embeddings
from tests.conftest import BASE

START = date(2026, 3, 2)
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
Make = Callable[[str], tuple[Adapter, Path]]
OLD = ("card", "loan", "PIN", "fee", "branch", "transfer", "salary", "cheque")
NEW = ("coin", "token", "mining", "wallet")


class WordEmbeddings(Embeddings):
    """A text's vector is the sum of its words' own: random, and the same in every process."""

    def __init__(self) -> None:
        super().__init__(BASE, Path("no-cache.db"))
        self.meanwhile: Callable[[], object] = lambda: None

    def encode(self, texts: Sequence[str]) -> Floats:
        self.meanwhile()
        vectors = np.array(
            [sum(map(vector_of, text.split() or ["nothing"])) for text in texts], np.float32
        )
        vectors = vectors.reshape(len(texts), 8)
        found: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return found

    def expire(self, keep_days: int) -> None:
        """There is no cache."""


def vector_of(word: str) -> Floats:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
    return np.random.default_rng(seed).normal(size=8).astype(np.float32)


def day(number: int) -> date:
    return START + timedelta(days=number)


def rows_of(
    number: int, *, new_share: float = 0.0, rows: int = 150, on: int | None = None
) -> list[Traffic]:
    """Requests of a day, each of a user who asks once; with `on`, more of another day."""
    random, at = Random(number), day(number if on is None else on)
    return [
        Traffic(
            id=f"{number} {at}-{i}",
            at=f"{at}T{i % 24:02}:00:00Z",
            user=f"user {number} {i}",
            prompt=f"about {random.choice(NEW if random.random() < new_share else OLD)} please",
            response="as you like",
            adapter="bank v1",
        )
        for i in range(rows)
    ]


def site_of(registry: Registry, traffic: Path | str = Path("traffic")) -> NightContext:
    return NightContext(
        registry=registry,
        traffic=TrafficStore(traffic, redact=False, quarantine=home() / "monitoring/quarantine"),
        embeddings=WordEmbeddings(),
        keep_days=90,
        drift=DriftParams(
            perplexity_rows=0, minimum_reference=200, windows=(1, 2, 3), false_alarms_per_year=50
        ),
        trigger=TriggerParams(),
    )


@contextmanager
def opened(make_adapter: Make, clock: Callable[[], datetime] = lambda: NOW) -> Iterator[Registry]:
    """A registry with a champion."""
    with Registry(home() / "registry", "bank", clock=clock) as registry:
        version = registry.submit(*make_adapter("a"), "test")
        registry.promote(version.number, "test", force=True)
        yield registry


@contextmanager
def watched_site(make_adapter: Make) -> Iterator[NightContext]:
    """A champion, and three days of traffic before its first night."""
    with opened(make_adapter) as registry:
        made = site_of(registry)
        for number in range(3):
            made.traffic.append(rows_of(number))
        yield made


def scheduler_of(
    context: NightContext, at: date | None = None, schedule: ScheduleParams | None = None
) -> Scheduler:
    """A scheduler, on the morning of a day if one is named."""
    schedule = schedule or ScheduleParams()
    job = nightly_job(context, schedule)
    now = datetime(at.year, at.month, at.day, 3, tzinfo=UTC) if at else NOW
    return Scheduler(schedule, [job], context.registry.engine, clock=lambda: now)


def run(context: NightContext, number: int, rows: list[Traffic] | None = None) -> Night:
    """A day's traffic, and its night."""
    context.traffic.append(rows_of(number) if rows is None else rows)
    scheduler = scheduler_of(context)
    (job,) = scheduler.jobs
    scheduler.run(job, day(number), insist=True, again=done_again(context, day(number)))
    night = check_of(context.registry.engine, context.registry.family, day(number))
    assert night is not None
    return night
