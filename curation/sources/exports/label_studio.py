"""Label Studio's JSON export: tasks with annotations of several people.

The tags' names in it are not the data fields' names, and the labelling config that maps them is not
in the export. So the fields have to be named, wherever more than one can be meant.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from curation.curation_settings import ExportFields
from curation.sources.exports.export_records import (
    ExportOptions,
    ExportRecord,
    Fields,
    read_records,
)
from curation.sources.exports.judgements.answered import Answered, unread
from curation.sources.exports.judgements.judgement import (
    CANCELLED,
    NO_ANNOTATION,
    NO_RESULT,
    Judgement,
    reads,
)
from curation.sources.exports.judgements.judging import judge
from curation.sources.exports.judgements.newest import Key, first_known, newest
from curation.sources.exports.judgements.said import Said
from curation.sources.exports.label_studio_min import looks_flat, read_flat
from curation.sources.exports.label_studio_task import Annotation, Result, Task
from curation.sources.exports.label_studio_values import items, said_of
from curation.sources.reading import Read
from project.canonical import digest_json
from project.records.record import invalid


def read_label_studio(path: Path, options: ExportOptions) -> Iterator[Read]:
    """Of every annotation of a JSON or JSON-MIN export what was made of it.

    Raises InputError with file, line and field for what is no export, and with the names that there
    are where a name has to be given.
    """
    return reads(judge_label_studio(path, options))


def judge_label_studio(path: Path, options: ExportOptions) -> Iterator[Judgement]:
    records = read_records(path, options)
    if looks_flat([record.fields for record in records if record.fields]):
        return judge(read_flat(records, options.fields, path), options.fields, path)
    annotated = [one for record in records for one in annotations_of(record, options.fields)]
    return judge(newest(annotated), options.fields, path)


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
) -> Iterator[tuple[Key | None, object, Answered]]:
    """Each annotation of a task, with who did what, and when. Raises InputError."""
    if record.fields is None:
        yield None, None, unread(record)
        return
    task = parse(record, record.fields)
    if not task.annotations:
        yield None, None, Answered(bare(record, task, None, NO_ANNOTATION))
    shown = digest_json(task.data)  # ids are used again, and one task may be in two exports
    for annotation in task.annotations:
        answered = answer(record, task, annotation, fields)
        person, at = answered.one.annotator, (annotation.updated_at, annotation.created_at)
        key = (shown, person) if person else None
        yield key, first_known(at), answered


def parse(record: ExportRecord, fields: Fields) -> Task:
    try:
        return Task.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, record.path, record.line) from None


def bare(
    record: ExportRecord, task: Task, annotator: str | None, why: str | None = None
) -> Judgement:
    name = None if task.id is None else str(task.id)
    return Judgement(record.file, record.line, task=name, annotator=annotator, why=why)


def answer(
    record: ExportRecord, task: Task, annotation: Annotation, fields: ExportFields
) -> Answered:
    annotator = annotation.annotator(record.file)
    if annotation.cancelled:
        return Answered(bare(record, task, annotator, CANCELLED))
    said = said_with(annotation.result)
    if not said:
        return Answered(bare(record, task, annotator, NO_RESULT))
    answers = items(task.data, said, fields)
    return Answered(bare(record, task, annotator), task.data, said, answers)


def said_with(results: Sequence[Result]) -> dict[str, Said]:
    """What each control holds; regions of one control are one."""
    found: dict[str, Said] = {}
    for result in results:
        name = result.from_name or ""
        said = said_of(result.value, result.texts, name)
        if said:
            found[name] = found[name].and_also(said) if name in found else said
    return found
