"""What waits for a person's word: labels, corrections, tasks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from curation.checks.waivers import WAIVERS
from curation.eval_sets import EVAL_SETS, changing
from curation.gate import failing
from curation.sources.exports.label_studio import ExportPart, Result, nothing_if_null
from monitoring.trigger.acceptance import accepted_prompts
from monitoring.trigger.labels import LABEL_QUEUE, LABELLED, QueueTask
from project.canonical import digest_json
from project.erasures import ERASED, Erased
from project.errors import InputError
from project.files import FileState, state_of, write_bytes
from project.paths import DATASET, GATE_REPORT
from project.records.data import DatasetVersion, Message, Severity
from project.records.record import Record, invalid, read_input
from review.data_pages.gate_view import gate_report, read_corrections, waivers_view
from review.frame.form_fields import NumberedPage, nth_page, page_numbers


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
    ending = sum(waiver.ends_soon for waiver in waivers_view(report, today))
    checks = failing(report, today, Severity.CRITICAL) if report else []
    return len([check.name for check in checks]), ending


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
            QueueFacts(path=str(file.path), tasks=len(file.tasks), problem=file.problem)
            for file in queue_files()
        ),
        negatives=tuple(map(negatives, sorted(QUEUE.glob(NEGATIVES)))),
        corrections=len(read_corrections()),
    )


def negatives(path: Path) -> QueueFacts:
    lines = [line for line in read_input(path).split(b"\n") if line.strip()]
    return QueueFacts(path=str(path), tasks=len(lines), problem=None)


# --- waiting tasks --------------------------------------------------------------------------------

# What waits for a person in the queues: prompts to answer, users' corrections, synthetic rows.

QUEUE = LABEL_QUEUE.parent
SHOWN = 20  # tasks of a page
Kind = Literal["label", "correction", "synthetic"]


class Prediction(ExportPart):
    """A draft: what a user wrote, or a model."""

    result: Annotated[tuple[Result, ...], BeforeValidator(nothing_if_null)] = ()


class DraftedTask(QueueTask):
    """A task of a queue with its draft, which counts for nothing until a person accepts it."""

    predictions: Annotated[tuple[Prediction, ...], BeforeValidator(nothing_if_null)] = ()

    @property
    def draft(self) -> str:
        texts = (text for draft in self.predictions for part in draft.result for text in part.texts)
        return next(iter(texts), "")

    @property
    def kind(self) -> Kind:
        if self.data.synthetic:
            return "synthetic"
        return "correction" if self.data.corrected else "label"

    @property
    def prompt_text(self) -> str:
        return self.data.prompt_text

    @property
    def key(self) -> str:
        """The same for the same request and draft, whichever file it stands in."""
        return digest_json([str(self.data.id), self.prompt_text, self.draft])[:16]


class WaitingTask(Record):
    """One thing that waits for a person."""

    key: str
    kind: Kind
    file: str
    prompt: tuple[Message, ...]
    response: str  # what a model answered; of a synthetic row, what it was made of
    draft: str  # an answer to confirm or mend
    drift: str | None  # the day on which the drift began that it is about
    synthetic: str | None  # the model that wrote it
    user: str | None  # a pseudonym


class WaitingTasks(NumberedPage):
    """One page of what waits of one kind."""

    kind: Kind
    tasks: tuple[WaitingTask, ...]


@dataclass(frozen=True)
class QueueFile:
    """The tasks of one file, or why it cannot be read."""

    path: Path
    tasks: Sequence[DraftedTask]
    problem: str | None = None


TASKS = TypeAdapter(list[DraftedTask])


def queue_files() -> list[QueueFile]:
    """The nights' queue and all that imports and synthesis left beside it."""
    paths = sorted(QUEUE.glob("*.json"))
    return [read_queue(path, state_of(path)) for path in paths if path.is_file()]


@lru_cache(32)
def read_queue(path: Path, state: FileState) -> QueueFile:
    try:
        return QueueFile(path, TASKS.validate_json(read_input(path)))
    except ValidationError as error:
        return QueueFile(path, (), str(invalid(error, path)))
    except InputError as error:
        return QueueFile(path, (), str(error))


def waiting_tasks(kind: Kind | None = None) -> list[tuple[DraftedTask, Path]]:
    """Those that nobody accepted or refused, each once, in the order of their files."""
    accepted, refused = read_accepted(state_of(LABELLED, EVAL_SETS, ERASED)), refused_keys()
    gone = Erased.here().rows
    by_key: dict[str, tuple[DraftedTask, Path]] = {}
    for file in queue_files():
        for task in file.tasks:
            done = task.prompt_text in accepted or task.key in refused
            if kind in (None, task.kind) and not done and str(task.data.id) not in gone:
                by_key.setdefault(task.key, (task, file.path))
    return list(by_key.values())


@lru_cache(1)
def read_accepted(state: FileState) -> frozenset[str]:
    return frozenset(accepted_prompts())


def find(key: str) -> DraftedTask:
    """Raises InputError where it does not wait any more."""
    for task, _ in waiting_tasks():
        if task.key == key:
            return task
    raise InputError("that does not wait any more: somebody accepted or refused it, or it left")


def tasks_page(kind: Kind, page: int) -> WaitingTasks:
    waiting = waiting_tasks(kind)
    return WaitingTasks(
        kind=kind,
        **page_numbers(len(waiting), page, SHOWN),
        tasks=tuple(waiting_task(*pair) for pair in nth_page(waiting, page, SHOWN)),
    )


def waiting_task(task: DraftedTask, path: Path) -> WaitingTask:
    data = task.data
    return WaitingTask(
        key=task.key,
        kind=task.kind,
        file=str(path),
        prompt=data.messages or (Message(role="user", content=data.prompt),),
        response=data.response or "",
        draft=task.draft,
        drift=data.drift,
        synthetic=data.synthetic,
        user=data.user,
    )


# --- refusals -------------------------------------------------------------------------------------

# What a person refused of the queues: it is not asked again, and who said no stays on record.

REFUSED = Path("datasets/queue/refused.jsonl")  # a refusal a line, oldest first


class TaskRefusal(Record):
    """Nothing of what was refused stands in it but a digest."""

    key: str
    by: str
    at: str  # RFC 3339, UTC
    reason: str


def keep_refusal(refusal: TaskRefusal) -> None:
    """Write it behind the others; the same again changes nothing."""
    with changing():
        if refusal.key in refused_keys():
            return
        before = read_input(REFUSED) if REFUSED.exists() else b""
        ended = before if before.endswith(b"\n") or not before else before + b"\n"
        write_bytes(REFUSED, ended + refusal.canonical() + b"\n")


def refused_keys() -> frozenset[str]:
    """Raises InputError naming file and line."""
    return read_refused(state_of(REFUSED)) if REFUSED.exists() else frozenset()


@lru_cache(1)
def read_refused(state: FileState) -> frozenset[str]:
    return frozenset(refusal.key for refusal in TaskRefusal.read_lines(REFUSED))
