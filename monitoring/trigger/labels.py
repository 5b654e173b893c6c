"""The labelling queue: what people should write about, out to Label Studio and back again."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from curation.sources.exports.label_studio import AnnotatedTask, ExportPart
from curation.sources.row_formats import read_rows
from evaluation.metrics.answer_sentences import AskedOnPassages, abstains
from monitoring.traffic.voices import asked_first
from project.canonical import canonical_json, digest_json
from project.errors import InputError
from project.files import write_bytes
from project.records.data import ACCEPTED, EvidencePassage, Message, Row
from project.records.record import Record, invalid, read_input
from project.records.traffic import Traffic

LABELLED = Path("datasets/sources") / ACCEPTED
# What to label, as Label Studio takes it: the queues of imports and of synthesis lie beside it.
LABEL_QUEUE = Path("datasets/queue/labels.json")
DRIFT = "drift"  # the slice of the rows that were labelled because of one
# The names of the tags in the labelling config; datasets/sources/README.md has the whole.
ANSWER, PROMPT = "answer", "prompt"


class Label(Record):
    """A prompt with its right answer: a row that nobody has accepted yet."""

    row: Row
    user: str | None  # the pseudonym of who sent the prompt
    request: str | None = None  # the id of the request that it was sent in
    bad: str | None = None  # the answer that a user corrected, where another one was accepted


class Data(ExportPart):
    """What write_queue wrote; of a queue of somebody else's, the prompt at least."""

    prompt: str = Field(min_length=1)
    messages: Annotated[tuple[Message, ...], Field(min_length=1)] | None = None
    id: Any = None
    user: str | None = None
    drift: str | None = Field(default=None, pattern=r"^\d{4}-\d\d-\d\d$")
    synthetic: str | None = None  # the model that wrote the prompt, if no user did
    evidence: Annotated[tuple[EvidencePassage, ...] | None, Field(min_length=1)] = None
    answerable: bool | None = None  # whether that holds an answer
    response: str | None = None
    corrected: bool = False  # whether a user wrote what the response should have been

    @property
    def prompt_text(self) -> str:
        """The prompt as rows have it; `prompt` is as people read it."""
        messages = self.messages or ()
        return "\n".join(message.content for message in messages) if messages else self.prompt


class QueueTask(AnnotatedTask):
    """A task of the queue, without predictions: these are a user's, and nobody confirmed them."""

    data: Data


TASKS = TypeAdapter(list[QueueTask])


def corrected(rows: Iterable[Traffic]) -> list[Traffic]:
    """The rows whose user wrote the answer that it should have been."""
    return [row for row in rows if correction(row)]


def correction(row: Traffic) -> str | None:
    return (row.feedback and row.feedback.correction and row.feedback.correction.strip()) or None


def pseudonym(row: Traffic) -> str | None:
    """A stable name of the user, to count by. Whoever knows the user's name can compute it too."""
    return pseudonym_of(row.user) if row.user else None


def pseudonym_of(user: str) -> str:
    return digest_json(["user", user])[:12]


def label_of(row: Traffic, answer: str, drift: str | None) -> Label:
    """A row of the traffic with an answer; its id is of the text, so the same again is the same."""
    made = labelled_row(row.prompt_text, answer, drift)
    if not isinstance(row.prompt, str):
        made = made.model_copy(update={"prompt": row.prompt})
    if row.evidence:
        made = made.model_copy(update={"evidence": row.evidence})
    bad = other_than(answer, row.response) if correction(row) else None
    return Label(row=made, user=pseudonym(row), bad=bad)


def other_than(answer: str, response: str | None) -> str | None:
    """A response that says something, and not what was accepted."""
    text = (response or "").strip()
    return response if text and text != answer.strip() else None


def labelled_row(prompt: str, answer: str, drift: str | None) -> Row:
    """A row that is a group of its own."""
    slices = {DRIFT: drift} if drift else {}
    row = Row.of(prompt, answer, group="", source=LABELLED.name, **slices)
    return row.model_copy(update={"group": row.id})


def read_labels(path: Path) -> list[Label]:
    """The labels of a Label Studio export (JSON), or of a file of rows (JSON Lines).

    Tasks that nobody answered are left aside. Raises InputError with the place for a file that is
    neither.
    """
    if path.suffix == ".jsonl":
        rows = (row.model_copy(update={"source": LABELLED.name}) for row in read_rows(path))
        return [Label(row=row, user=None) for row in rows]
    try:
        tasks = TASKS.validate_json(read_input(path))
    except ValidationError as error:
        hint = "labels are a JSON export of the labelling queue, or rows in a .jsonl file; all"
        hint += f" else comes in by `incumbent data import {path}`"
        raise InputError(f"{invalid(error, path)}; {hint}") from None
    return [label_of_task(task.data, answer) for task in tasks if (answer := task.answer)]


def label_of_task(data: Data, answer: str) -> Label:
    row = labelled_row(data.prompt_text, answer, data.drift)
    if data.messages:
        row = row.model_copy(update={"prompt": data.messages})
    if data.evidence:
        row = row.model_copy(update={"evidence": data.evidence, "answerable": data.answerable})
        if data.answerable is None:  # an answer that abstains says that the passages hold none
            silent = abstains(AskedOnPassages.of_row(row), answer)
            row = row.model_copy(update={"answerable": not silent})
    if data.synthetic:  # also where a person mended the answer: the prompt is still a model's
        row = row.model_copy(update={"synthetic": data.synthetic})
    request = data.id if isinstance(data.id, str) else None
    bad = other_than(answer, data.response) if data.corrected else None
    return Label(row=row, user=data.user, request=request, bad=bad)


def write_queue(
    rows: Sequence[Traffic], path: Path, *, drifted: Collection[str] = (), since: str | None = None
) -> None:
    """Write what should be labelled as tasks that Label Studio imports, the order kept.

    Rows whose ids are in `drifted` are about the drift that began on the day `since`. What a user
    wrote is a prediction: Label Studio shows it as a draft, which an annotator confirms or mends.
    """
    tasks = [task_of(row, since if row.id in drifted else None) for row in rows]
    write_bytes(path, canonical_json(tasks) + b"\n")


def task_of(row: Traffic, drift: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": row.id,
        "prompt": asked_first(row.prompt),
        "response": row.response,
        "user": pseudonym(row),
        "drift": drift,
    }
    if not isinstance(row.prompt, str):
        data["messages"] = [message.model_dump() for message in row.prompt]
    if row.evidence:
        data["evidence"] = [passage.model_dump(exclude_none=True) for passage in row.evidence]
    task = {"data": data, "meta": {"at": row.at, "adapter": row.adapter}}
    if draft := correction(row):
        data["corrected"] = True
    return task | ({"predictions": [prediction(draft)]} if draft else {})


def prediction(text: str, by: str = "a user") -> dict[str, Any]:
    """A draft of an answer, which an annotator confirms or mends."""
    tags = {"from_name": ANSWER, "to_name": PROMPT, "type": "textarea"}
    return {"model_version": by, "result": [tags | {"value": {"text": [text]}}]}
