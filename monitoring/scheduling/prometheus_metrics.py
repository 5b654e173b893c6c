"""What the registry knows of nights, retrains, schedulers and notices, as Prometheus reads it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.core import SummaryMetricFamily as Summary
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from monitoring.scheduling.job import Figures, Job
from registry.jobs.heartbeats import living
from registry.jobs.outbox import depth
from registry.jobs.runs import Run, RunState, runs_of


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


Figured = list[tuple[Run, Figures]]  # finished runs, the newest first


def figured(job: Job, runs: Sequence[Run]) -> Figured:
    finished = (run for run in runs if run.state is RunState.FINISHED)
    return [(run, figures) for run in finished if (figures := job.figures(run)) is not None]


def of_runs(runs: dict[Job, tuple[Run, ...]]) -> Iterator[Metric]:
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
    for job, known in figures.items():
        for run, newest in known[:1]:
            midnight = datetime.combine(run.date, time(), UTC)
            dated.add_metric([job.name, newest.verdict], midnight.timestamp())
            if newest.evidence is not None:
                evidence.add_metric([job.name], newest.evidence)
            if newest.threshold is not None:
                threshold.add_metric([job.name], newest.threshold)
    yield from (dated, evidence, threshold)


def days_without_data(figures: dict[Job, Figured], today: date) -> Metric:
    """Yesterday is the newest date that a night can have looked at."""
    silent = gauge("days_without_traffic", "Days over, since the last one with traffic.", "job")
    for job, known in figures.items():
        dates = [run.date for run, one in known if one.had_data and run.date < today]
        if dates:
            silent.add_metric([job.name], max((today - max(dates)).days - 1, 0))
    return silent


def gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"incumbent_{name}", about, labels=labels)


def counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"incumbent_{name}", about, labels=labels)
