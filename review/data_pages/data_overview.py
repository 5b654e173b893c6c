"""Where the data stands, in a few lines."""

from datetime import date
from pathlib import Path

from project.paths import DATASET
from project.records.data import DatasetVersion
from project.records.record import Record, read_input
from review.data_pages.regressed import read_corrections
from review.data_pages.waiting import Waiting, waiting
from review.data_pages.waiting_tasks import QUEUE, queue_files

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
