"""Label Studio's JSON export: tasks with annotations of several people.

The tags' names in it are not the data fields' names, and the labelling config that maps them is not
in the export. So the fields have to be named, wherever more than one can be meant.
"""

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import AnsweredTask, ControlAnswer, unread
from curation.sources.exports.export_judgements import (
    ExportJudgements,
    Key,
    judge,
    moment,
    newest,
)
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.shown import (
    CANCELLED,
    NO_ANNOTATION,
    NO_RESULT,
    TaskJudgement,
)
from project.canonical import digest_json
from project.errors import InputError
from project.records.record import Record, invalid

FLAT = (
    "is a JSON-MIN or CSV export, which lacks what people filled in and what was cancelled: export "
    "as JSON (in Label Studio: Export, JSON). Where one of its columns is the answer, it can be "
    "imported as a table:\n"
    "  incumbent data import {} --format table --prompt FIELD --completion FIELD"
)


# --- tasks ----------------------------------------------------------------------------------------

# A task of Label Studio's JSON export, as far as people's annotations go.
#
# Its drafts and predictions are never looked at: nobody submitted the ones, and a model, or a user,
# wrote the others.


def nothing_if_null(value: object) -> object:
    return () if value is None else value


MARKS = "marks on images, sound or video"
OTHER_KINDS = {
    "relation": "relations",
    **dict.fromkeys(("labels", "hypertextlabels", "paragraphlabels", "paragraphs"), "spans"),
    "taxonomy": "taxonomies",
    "number": "numbers",
    "datetime": "dates",
}
# What a value holds that is said of a part of what is shown.
REGION = frozenset({"start", "end", "startOffset", "x", "y", "points", "rle", "sequence"})


class ExportPart(Record):
    """A part of an export; the fields that do not matter here are left aside."""

    model_config = ConfigDict(extra="ignore")


class Result(ExportPart):
    """What one control holds."""

    from_name: str | None = None
    type: str | None = None
    value: Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})] = Field(default={})

    @property
    def unsupported(self) -> str | None:
        """The kind of what is not read: a row has an answer to a whole text."""
        kind = (self.type or "").casefold()
        if kind in OTHER_KINDS or kind.endswith("labels") or "original_width" in self.value:
            return OTHER_KINDS.get(kind, MARKS)
        return "answers about a part of a text" if REGION & self.value.keys() else None

    @property
    def texts(self) -> tuple[str, ...]:
        """What was written into a text area; a labelled span of a text has a text too."""
        text = self.value.get("text")
        if isinstance(text, str) and self.type == "textarea":
            return (text,)
        return tuple(t for t in text if isinstance(t, str)) if isinstance(text, list) else ()


class LabelStudioUser(ExportPart):
    """A user, where the export writes them out."""

    id: int | str | None = None
    email: str | None = None


class Annotation(ExportPart):
    """What one person submitted, or cancelled: its result may be filled in both cases."""

    id: int | str | None = None
    result: Annotated[tuple[Result, ...], BeforeValidator(nothing_if_null)] = ()
    was_cancelled: bool | None = None
    completed_by: int | str | LabelStudioUser | None = None
    created_at: int | float | str | None = None
    updated_at: int | float | str | None = None

    def annotator(self, file: str) -> str | None:
        """The e-mail address, or the number with the file: every local install has a user 1."""
        person = self.completed_by
        if isinstance(person, LabelStudioUser):
            person = person.email or person.id
        return f"{file}:{person}" if isinstance(person, int) else person or None


class AnnotatedTask(ExportPart):
    """A task's annotations."""

    id: int | str | None = None
    annotations: Annotated[tuple[Annotation, ...], BeforeValidator(nothing_if_null)] = ()

    @property
    def answer(self) -> str | None:
        """What was written first."""
        texts = (
            text.strip()
            for annotation in self.annotations
            if not annotation.was_cancelled
            for result in annotation.result
            for text in result.texts
        )
        return next(filter(None, texts), None)


class LabelStudioTask(AnnotatedTask):
    """A task of anybody's, whose data may hold anything."""

    data: dict[str, Any]


# --- label studio values --------------------------------------------------------------------------

BODIES = ("body", "text", "html", "title")  # of an item of a list


def label_studio_answer(
    value: Fields, texts: tuple[str, ...], control: str
) -> ControlAnswer | None:
    """What a value says, if it is a text, a choice, a rating, a side, or a ranking."""
    if texts:
        return ControlAnswer.wrote(texts)
    if isinstance(value.get("choices"), list):
        return ControlAnswer.chose(choice for choice in value["choices"] if isinstance(choice, str))
    if isinstance(value.get("selected"), str):
        return ControlAnswer("side", ((value["selected"],),))
    if type(value.get("rating")) is int:
        return ControlAnswer("rated", ((str(value["rating"]),),))
    ranker = value.get("ranker")
    return ranking(ranker, control) if isinstance(ranker, dict) else None


def ranking(ranker: Mapping[str, Any], control: str) -> ControlAnswer | None:
    """The ids, best first, under the control's own name; in buckets they are in no order."""
    ids = ranker.get(control)
    if len(ranker) != 1 or not isinstance(ids, list):
        return None
    return ControlAnswer("ranked", tuple((str(key),) for key in ids if isinstance(key, str | int)))


def items(
    data: Fields, answers: Mapping[str, ControlAnswer], fields: ExportFields
) -> dict[str, str]:
    """The texts of a list's items by their ids, where answers in a list were ranked."""
    if not any(held.kind == "ranked" for held in answers.values()):
        return {}
    names = [fields.completion] if fields.completion else list(data)
    wanted = {name for held in answers.values() if held.kind != "chosen" for name in held.flat}
    lists = [texts for name in names if (texts := texts_by_id(data.get(name)))]
    fitting = [texts for texts in lists if wanted <= set(texts)]
    return fitting[0] if len(fitting) == 1 else {}


def texts_by_id(value: object) -> dict[str, str]:
    """Of a list of items, which are objects with an id and a text."""
    by_id = {}
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict) and isinstance(item.get("id"), str | int):
            texts = (item.get(name) for name in BODIES)
            text = next((text for text in texts if isinstance(text, str) and text.strip()), None)
            if text:
                by_id[str(item["id"])] = text.strip()
    return by_id


# --- annotations ----------------------------------------------------------------------------------


def judge_label_studio(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every annotation of a JSON export what was made of it.

    Raises InputError with file, line and field for what is no export, and with the names that there
    are where a name has to be given.
    """
    for record in export.records:
        if record.fields and looks_flat([record.fields]):
            raise InputError(FLAT.format(quote(str(record.path))), file=record.path)
    export.refuse_csv()
    annotated = [entry for record in export.records for entry in annotations_of(record, fields)]
    return judge(newest(annotated), fields, export.path)


def looks_flat(records: Sequence[Fields]) -> bool:
    """Whether they are of JSON-MIN or CSV, which do not say which keys people filled in."""
    wanted = {"annotation_id", "annotator", "lead_time"}
    return bool(records) and all(wanted <= record.keys() for record in records)


def looks_like_label_studio(records: Sequence[Fields]) -> bool:
    """Whether the first records of a file are tasks, or annotations as JSON-MIN has them."""
    tasks = all(
        isinstance(record.get("data"), dict) and isinstance(record.get("annotations"), list)
        for record in records
    )
    return bool(records) and (tasks or looks_flat(records))


def annotations_of(
    record: ExportRecord, fields: ExportFields
) -> Iterator[tuple[Key | None, object, AnsweredTask]]:
    """Each annotation of a task, with who did what, and when. Raises InputError."""
    if record.fields is None:
        yield None, None, unread(record)
        return
    try:
        task = LabelStudioTask.model_validate(record.fields)
    except ValidationError as error:
        raise invalid(error, record.path, record.line) from None
    if not task.annotations:
        guessed = (
            {"": "predictions, which a model made"} if record.fields.get("predictions") else {}
        )
        bare_task = bare(record, task, None, NO_ANNOTATION)
        yield None, None, AnsweredTask(bare_task, unsupported=guessed)
    shown = digest_json(task.data)  # ids are used again, and one task may be in two exports
    for annotation in task.annotations:
        answered = answer(record, task, annotation, fields)
        person, times = answered.one.annotator, (annotation.updated_at, annotation.created_at)
        key = (shown, person) if person else None
        yield key, next((at for at in times if moment(at) is not None), None), answered


def bare(
    record: ExportRecord, task: LabelStudioTask, annotator: str | None, why: str | None = None
) -> TaskJudgement:
    name = None if task.id is None else str(task.id)
    return TaskJudgement(record.file, record.line, task=name, annotator=annotator, why=why)


def answer(
    record: ExportRecord, task: LabelStudioTask, annotation: Annotation, fields: ExportFields
) -> AnsweredTask:
    annotator = annotation.annotator(record.file)
    if annotation.was_cancelled:
        return AnsweredTask(bare(record, task, annotator, CANCELLED))
    # What each control holds, regions of one control as one; and of the others in which kind.
    by_control: dict[str, ControlAnswer] = {}
    unsupported: dict[str, str] = {}
    for result in annotation.result:
        name = result.from_name or ""
        if kind := result.unsupported:
            unsupported[name] = kind
        elif held := label_studio_answer(result.value, result.texts, name):
            by_control[name] = by_control[name].and_also(held) if name in by_control else held
    if not by_control:
        return AnsweredTask(bare(record, task, annotator, NO_RESULT), unsupported=unsupported)
    answers = items(task.data, by_control, fields)
    judgement = bare(record, task, annotator)
    return AnsweredTask(judgement, task.data, by_control, answers, unsupported=unsupported)
