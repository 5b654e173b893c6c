"""How much in the data waits for a person: small numbers for the page that all begin with."""

from collections import Counter
from datetime import date
from functools import lru_cache
from pathlib import Path

from curation.checks.waivers import WAIVERS
from curation.gate import failing
from project.errors import InputError
from project.files import FileState, state_of
from project.paths import DATASET, GATE_REPORT
from project.records.data import DatasetVersion, GateReport, Severity
from project.records.record import Record, read_input
from review.data_pages.gate_view import gate_report, waivers_view
from review.data_pages.regressed import read_corrections
from review.data_pages.waiting_tasks import QUEUE, queue_files, waiting_tasks


class Waiting(Record):
    failed_checks: int  # critical ones: the gate is shut
    waivers_ending: int  # within two weeks, or ended
    synthetic: int  # rows that a model wrote, to accept or to refuse
    labels: int  # prompts to answer
    corrections: int  # what users wrote instead of an answer, to accept or to refuse

    @property
    def total(self) -> int:
        return sum(self.model_dump().values())


def waiting(today: date) -> Waiting:
    """Never fails: a file that cannot be read counts for nothing here, and /data tells of it."""
    try:
        kinds = Counter(task.kind for task, _ in waiting_tasks())
    except InputError:
        kinds = Counter()
    failed, ending = of_gate(today)
    return Waiting(
        failed_checks=failed,
        waivers_ending=ending,
        synthetic=kinds["synthetic"],
        labels=kinds["label"],
        corrections=kinds["correction"],
    )


def of_gate(today: date) -> tuple[int, int]:
    """The checks that keep the gate shut, and the waivers that somebody should look at."""
    try:
        return read_gate(today, state_of(GATE_REPORT, WAIVERS))
    except InputError:
        return 0, 0


@lru_cache(1)
def read_gate(today: date, state: FileState) -> tuple[int, int]:
    report = gate_report()
    ending = sum(one.ends_soon for one in waivers_view(report, today))
    return len(shut_by(report, today)), ending


def shut_by(report: GateReport | None, today: date) -> list[str]:
    checks = failing(report, today, Severity.CRITICAL) if report else []
    return [check.name for check in checks]


# --- data overview --------------------------------------------------------------------------------

# Where the data stands, in a few lines.

NEGATIVES = "*.negatives.jsonl"


class QueueFacts(Record):
    """One file of a queue."""

    path: str
    tasks: int
    problem: str | None  # why it cannot be read


class DataOverview(Record):
    waiting: Waiting
    dataset: str | None  # the dataset that passed the gate last, in words
    queues: tuple[QueueFacts, ...]
    negatives: tuple[QueueFacts, ...]  # answers that users rated −1: for `incumbent data import`
    corrections: int  # right answers to dev items, written and not imported yet


def data_overview(today: date) -> DataOverview:
    return DataOverview(
        waiting=waiting(today),
        dataset=str(DatasetVersion.read(DATASET)) if DATASET.exists() else None,
        queues=tuple(
            QueueFacts(path=str(one.path), tasks=len(one.tasks), problem=one.problem)
            for one in queue_files()
        ),
        negatives=tuple(map(negatives, sorted(QUEUE.glob(NEGATIVES)))),
        corrections=len(read_corrections()),
    )


def negatives(path: Path) -> QueueFacts:
    lines = [line for line in read_input(path).split(b"\n") if line.strip()]
    return QueueFacts(path=str(path), tasks=len(lines), problem=None)
