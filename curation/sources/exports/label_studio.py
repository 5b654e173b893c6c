"""Label Studio's JSON export: tasks with annotations of several people.

The tags' names in it are not the data fields' names, and the labelling config that maps them is not
in the export. So the fields have to be named, wherever more than one can be meant.
"""

from collections.abc import Iterator, Sequence
from shlex import quote

from pydantic import ValidationError

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import AnsweredTask, ControlAnswer, unread
from curation.sources.exports.export_judgements import (
    ExportJudgements,
    Key,
    first_known,
    judge,
    newest,
)
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.label_studio_task import (
    Annotation,
    LabelStudioTask,
    items,
    label_studio_answer,
)
from curation.sources.exports.shown import (
    CANCELLED,
    NO_ANNOTATION,
    NO_RESULT,
    TaskJudgement,
)
from project.canonical import digest_json
from project.errors import InputError
from project.records.record import invalid

FLAT = (
    "is a JSON-MIN or CSV export, which lacks what people filled in and what was cancelled: export "
    "as JSON (in Label Studio: Export, JSON). Where one of its columns is the answer, it can be "
    "imported as a table:\n"
    "  incumbent data import {} --format table --prompt FIELD --completion FIELD"
)


def judge_label_studio(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every annotation of a JSON export what was made of it.

    Raises InputError with file, line and field for what is no export, and with the names that there
    are where a name has to be given.
    """
    refuse_flat(export)
    export.refuse_csv()
    annotated = [one for record in export.records for one in annotations_of(record, fields)]
    return judge(newest(annotated), fields, export.path)


def looks_flat(records: Sequence[Fields]) -> bool:
    """Whether they are of JSON-MIN or CSV, which do not say which keys people filled in."""
    wanted = {"annotation_id", "annotator", "lead_time"}
    return bool(records) and all(wanted <= record.keys() for record in records)


def refuse_flat(export: Export) -> None:
    """Raise InputError for a file of JSON-MIN or CSV."""
    for record in export.records:
        if record.fields and looks_flat([record.fields]):
            raise InputError(FLAT.format(quote(str(record.path))), file=record.path)


def looks_like_label_studio(records: Sequence[Fields]) -> bool:
    """Whether the first records of a file are tasks, or annotations as JSON-MIN has them."""
    tasks = all(
        isinstance(record.get("data"), dict)
        and any(isinstance(record.get(name), list) for name in ("annotations", "completions"))
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
    task = parse(record, record.fields)
    if not task.annotations:
        guessed = (
            {"": "predictions, which a model made"} if record.fields.get("predictions") else {}
        )
        bare_task = bare(record, task, None, NO_ANNOTATION)
        yield None, None, AnsweredTask(bare_task, unsupported=guessed)
    shown = digest_json(task.data)  # ids are used again, and one task may be in two exports
    for annotation in task.annotations:
        answered = answer(record, task, annotation, fields)
        person, at = answered.one.annotator, (annotation.updated_at, annotation.created_at)
        key = (shown, person) if person else None
        yield key, first_known(at), answered


def parse(record: ExportRecord, fields: Fields) -> LabelStudioTask:
    try:
        return LabelStudioTask.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, record.path, record.line) from None


def bare(
    record: ExportRecord, task: LabelStudioTask, annotator: str | None, why: str | None = None
) -> TaskJudgement:
    name = None if task.id is None else str(task.id)
    return TaskJudgement(record.file, record.line, task=name, annotator=annotator, why=why)


def answer(
    record: ExportRecord, task: LabelStudioTask, annotation: Annotation, fields: ExportFields
) -> AnsweredTask:
    annotator = annotation.annotator(record.file)
    if annotation.cancelled:
        return AnsweredTask(bare(record, task, annotator, CANCELLED))
    # What each control holds, regions of one control as one; and of the others in which kind.
    said: dict[str, ControlAnswer] = {}
    unsupported: dict[str, str] = {}
    for result in annotation.result:
        name = result.from_name or ""
        if kind := result.unsupported:
            unsupported[name] = kind
        elif held := label_studio_answer(result.value, result.texts, name):
            said[name] = said[name].and_also(held) if name in said else held
    if not said:
        return AnsweredTask(bare(record, task, annotator, NO_RESULT), unsupported=unsupported)
    answers = items(task.data, said, fields)
    one = bare(record, task, annotator)
    return AnsweredTask(one, task.data, said, answers, unsupported=unsupported)
