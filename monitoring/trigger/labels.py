"""What people wrote about the traffic: rows to train on, and rows that they should write about."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from project.canonical import canonical_json
from project.files import write_bytes, write_lines
from project.records.data import Row
from project.records.record import Record, invalid, read_input
from project.records.traffic import Traffic

LABELLED = Path("datasets/sources/labelled.jsonl")
DRIFT = "drift"  # the slice of the rows that were labelled because of one


class Exported(Record):
    """A part of an export; the fields that do not matter here are left aside."""

    model_config = ConfigDict(extra="ignore")


class Written(Exported):
    """What an annotator wrote into a text area."""

    text: tuple[str, ...] = ()


class AnnotationResult(Exported):
    value: Written = Written()


class Annotation(Exported):
    result: tuple[AnnotationResult, ...] = ()
    was_cancelled: bool = False


class Data(Exported):
    prompt: str


class Task(Exported):
    """A task of a Label Studio export, as far as it matters here."""

    data: Data
    annotations: tuple[Annotation, ...] = ()

    @property
    def answer(self) -> str | None:
        """What was written first."""
        texts = (
            text.strip()
            for annotation in self.annotations
            if not annotation.was_cancelled
            for result in annotation.result
            for text in result.value.text
        )
        return next(filter(None, texts), None)


TASKS = TypeAdapter(list[Task])


def labelled(rows: Iterable[Traffic]) -> list[Traffic]:
    """The rows whose user wrote the answer that it should have been."""
    return [row for row in rows if row.feedback and row.feedback.correction]


def add_labelled(rows: Iterable[Traffic], drifted: frozenset[str], since: str, path: Path) -> int:
    """Add what is labelled to the sources that training reads; returns how many rows are new.

    Those whose ids are in `drifted` get the slice drift=since. The file appears whole or not at
    all, and the same rows again change nothing.
    """
    found = [as_row(r, {DRIFT: since} if r.id in drifted else {}) for r in labelled(rows)]
    return add_rows(found, path)


def as_row(traffic: Traffic, slices: dict[str, str]) -> Row:
    assert traffic.feedback is not None and traffic.feedback.correction
    text, answer = traffic.prompt_text, traffic.feedback.correction
    row = own(Row.of(text, answer, group="", source=LABELLED.name, **slices))
    prompt = row.prompt if isinstance(traffic.prompt, str) else traffic.prompt
    return row.model_copy(update={"prompt": prompt})


def read_answers(path: Path) -> list[Row]:
    """The rows of a Label Studio export (JSON): each task of the queue with its written answer.

    Tasks that nobody answered are left aside. Raises InputError for a file that is none.
    """
    try:
        tasks = TASKS.validate_json(read_input(path))
    except ValidationError as error:
        raise invalid(error, path) from None
    answers = ((task.data.prompt, answer) for task in tasks if (answer := task.answer))
    return [
        own(Row.of(prompt, answer, group="", source=LABELLED.name)) for prompt, answer in answers
    ]


def add_rows(rows: Iterable[Row], path: Path) -> int:
    """Add rows to a file, whole or not at all; returns how many of them are new."""
    known = {row.id: row for row in Row.read_lines(path)} if path.exists() else {}
    new = {row.id: row for row in rows if row.id not in known}
    if new:
        write_lines(path, [row.canonical() for row in (known | new).values()])
    return len(new)


def own(row: Row) -> Row:
    """A row that is a group of its own."""
    return row.model_copy(update={"group": row.id})


def write_queue(rows: Sequence[Traffic], path: Path) -> None:
    """Write what should be labelled as tasks that Label Studio imports, the order kept."""
    tasks = [
        {
            "data": {"id": row.id, "prompt": row.prompt_text, "response": row.response},
            "meta": {"at": row.at, "adapter": row.adapter},
        }
        for row in rows
    ]
    write_bytes(path, canonical_json(tasks) + b"\n")
