"""Label Studio's JSON export: tasks with annotations of several people.

The tags' names in it are not the data fields' names, and the labelling config that maps them is not
in the export. So the fields have to be named, wherever more than one can be meant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from pydantic import ValidationError

from curation.curation_settings import ExportFields
from curation.sources.chats.chat_shapes import parsed
from curation.sources.exports.answered_task import AnsweredTask, ControlAnswer, unread
from curation.sources.exports.export_judgements import (
    ExportJudgements,
    Key,
    first_known,
    judge,
    newest,
)
from curation.sources.exports.export_reading import ExportReading
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.good_or_bad import alternatives, field_role, parts
from curation.sources.exports.label_studio_task import (
    REGION,
    Annotation,
    LabelStudioTask,
    Result,
    items,
    label_studio_answer,
)
from curation.sources.exports.reading_choice import only_one, readings_of
from curation.sources.exports.shown import (
    CANCELLED,
    NO_ANNOTATION,
    NO_RESULT,
    TaskJudgement,
)
from curation.sources.tables.table import names_listed
from project.canonical import digest_json
from project.errors import InputError
from project.records.record import invalid


def judge_label_studio(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every annotation of a JSON, JSON-MIN or CSV export what was made of it.

    Raises InputError with file, line and field for what is no export, and with the names that there
    are where a name has to be given.
    """
    if looks_flat(export.readable):
        return judge_flat(export, fields)
    refuse_flat(export)
    export.refuse_csv()
    annotated = [one for record in export.records for one in annotations_of(record, fields)]
    return judge(newest(annotated), fields, export.path)


def refuse_flat(export: Export) -> None:
    """Raise InputError for a JSON-MIN or CSV export among files of tasks."""
    for record in export.records:
        if record.fields and looks_flat([record.fields]):
            problem = "is a JSON-MIN or CSV export, and others are not: import it by itself"
            raise InputError(problem, file=record.path)


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
    said, unsupported = control_answers(annotation.result)
    if not said:
        return AnsweredTask(bare(record, task, annotator, NO_RESULT), unsupported=unsupported)
    answers = items(task.data, said, fields)
    one = bare(record, task, annotator)
    return AnsweredTask(one, task.data, said, answers, unsupported=unsupported)


def control_answers(results: Sequence[Result]) -> tuple[dict[str, ControlAnswer], dict[str, str]]:
    """What each control holds, regions of one control as one; and of the others in which kind."""
    found: dict[str, ControlAnswer] = {}
    unsupported: dict[str, str] = {}
    for result in results:
        name = result.from_name or ""
        if kind := result.unsupported:
            unsupported[name] = kind
        elif said := label_studio_answer(result.value, result.texts, name):
            found[name] = found[name].and_also(said) if name in found else said
    return found, unsupported


# --- label studio min -----------------------------------------------------------------------------

# Label Studio's JSON-MIN and CSV exports: a record an annotation, with answers and data as one.
#
# Cancelled annotations are not in it. Which key is a field and which a control it does not say.

SHOWN = 4  # commands of a message
NAME = "NAME"  # stands in a command for what the file does not tell
VERDICT_WORDS = """
    label labels category class rating score winner intent topic tag tags choice quality sentiment
    verdict preference better preferred
"""
VERDICTS = frozenset(VERDICT_WORDS.split())
# What stands beside the data's fields and the controls.
TOLD = "annotator annotation_id created_at updated_at lead_time"
ABOUT = frozenset(["id", "agreement", *TOLD.split()])


def looks_flat(records: Sequence[Fields]) -> bool:
    wanted = {"annotation_id", "annotator", "lead_time"}
    return bool(records) and all(wanted <= record.keys() for record in records)


def judge_flat(export: Export, fields: ExportFields) -> ExportJudgements:
    """What each annotation says with the control that the options name.

    Raises OptionsMissingError with a command for each key that is likely to be one where they name
    none.
    """
    names = list(dict.fromkeys(n for own in export.readable for n in own if n not in ABOUT))
    if fields.control in names:
        return judge(annotated(export, fields), fields, export.path)
    problem = f"name --control NAME: which of {names_listed(names)} did people fill in?"
    readings = []
    for name in likely_controls(export.readable, names):
        own = fields.model_copy(update={"control": name})
        readings += readings_of(annotated(export, own), own, export.path)
    readings.sort(key=lambda reading: not reading.fields.answers)  # what is of answers, first
    asked = [replace(reading, missing=(problem, *reading.missing)) for reading in readings]
    only_one(asked or [ExportReading(fields).lacks(problem, control=NAME)], export.path)
    raise AssertionError("something is missing in each")


def likely_controls(records: Sequence[Fields], names: Sequence[str]) -> list[str]:
    """The keys that people may have filled in, the likeliest first."""
    shown = alternatives(names).values()
    filled = [
        name
        for name in names
        if name not in shown and any(flat_value(own.get(name), name) for own in records)
    ]
    verdicts = [name for name in filled if parts(name)[-1:] and parts(name)[-1] in VERDICTS]
    unknown = [name for name in filled if field_role(name) is None]
    written = [name for name in filled if field_role(name) == "answer"]
    likely = dict.fromkeys([*verdicts, *unknown, *written])
    return sorted(likely, key=lambda name: different_values(records, name))[:SHOWN]


def different_values(records: Sequence[Fields], name: str) -> int:
    """How many there are: of choices few, of texts many."""
    return len({str(own.get(name)) for own in records})


def annotated(export: Export, fields: ExportFields) -> list[AnsweredTask]:
    assert fields.control, "the options name it"
    return newest([keyed(record, fields, fields.control) for record in export.records])


def keyed(
    record: ExportRecord, fields: ExportFields, control: str
) -> tuple[Key | None, object, AnsweredTask]:
    if record.fields is None:
        return None, None, unread(record)
    answered = answer_of_record(record, record.fields, fields, control)
    task, person = answered.one.task, answered.one.annotator
    key = (record.file, task, person) if task and person else None
    at = first_known(record.fields.get(name) for name in ("updated_at", "created_at"))
    return key, at, answered


def answer_of_record(
    record: ExportRecord, own: Fields, fields: ExportFields, control: str
) -> AnsweredTask:
    task, who = own.get("id"), own.get("annotator")
    one = TaskJudgement(
        record.file,
        record.line,
        task=str(task) if isinstance(task, int | str) else None,
        annotator=annotator(who, record.file),
    )
    value = from_cell(own.get(control))
    said = flat_value(value, control)
    if said is None:
        spans = isinstance(value, list) and any(isinstance(part, dict) for part in value)
        unsupported = {control: "spans or marks"} if spans else {}
        return AnsweredTask(replace(one, why=NO_RESULT), unsupported=unsupported)
    data = {name: value for name, value in own.items() if name not in {*ABOUT, control}}
    return AnsweredTask(one, data, {control: said}, items(data, {control: said}, fields))


def annotator(who: object, file: str) -> str | None:
    """As in the full export: a number says nothing without the file."""
    if isinstance(who, int):
        return f"{file}:{who}"
    return who if isinstance(who, str) and who else None


def flat_value(value: Any, control: str) -> ControlAnswer | None:
    """One choice or text is a text, several are an object; a rating is a number, and all else a
    list of objects. In CSV an object, or a list of them, is JSON.
    """
    value = from_cell(value)
    if isinstance(value, str):
        return ControlAnswer("text", ((value.strip(),),)) if value.strip() else None
    if isinstance(value, int) and not isinstance(value, bool):
        return ControlAnswer("rated", ((str(value),),))
    found = [said for part in as_parts(value) if (said := part_of(part, control))]
    return reduce(ControlAnswer.and_also, found) if found else None


def from_cell(value: Any) -> Any:
    """What a text holds, where it is JSON of objects; else the value itself."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    held = parsed(value)
    are_objects = held and all(isinstance(part, dict) for part in as_parts(held))
    return held if are_objects else value


def as_parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def part_of(part: Any, control: str) -> ControlAnswer | None:
    if isinstance(part, str):
        return ControlAnswer.wrote([part]) if part.strip() else None
    if not isinstance(part, dict) or REGION & part.keys():
        return None
    texts = part.get("text")
    own = tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()
    return label_studio_answer(part, own, control)
