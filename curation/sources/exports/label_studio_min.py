"""Label Studio's JSON-MIN export: a record an annotation, the answers beside the data's fields.

Cancelled annotations are not in it. Which key is a field and which a control it does not say.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.export_records import ExportRecord, Fields
from curation.sources.exports.judgements.answered import Answered, unread
from curation.sources.exports.judgements.judgement import NO_RESULT, Judgement
from curation.sources.exports.judgements.newest import Key, first_known, newest
from curation.sources.exports.judgements.said import Said
from curation.sources.exports.label_studio_values import items, said_of
from curation.sources.tables.column_names import listed
from project.errors import InputError

# What stands beside the data's fields and the controls.
TOLD = "annotator annotation_id created_at updated_at lead_time"
ABOUT = frozenset(["id", "agreement", *TOLD.split()])


def looks_flat(records: Sequence[Fields]) -> bool:
    wanted = {"annotation_id", "annotator", "lead_time"}
    return bool(records) and all(wanted <= record.keys() for record in records)


def read_flat(records: Sequence[ExportRecord], fields: ExportFields, path: Path) -> list[Answered]:
    """What each annotation says with the control that the options name.

    Raises InputError with all names where they name none: any key could be one.
    """
    names = list(
        dict.fromkeys(name for r in records for name in r.fields or () if name not in ABOUT)
    )
    if not fields.control or fields.control not in names:
        problem = f"name --control NAME, and --prompt FIELD: this export has {listed(names)}"
        raise InputError(problem, file=path)
    return newest([keyed(record, fields, fields.control) for record in records])


def keyed(
    record: ExportRecord, fields: ExportFields, control: str
) -> tuple[Key | None, object, Answered]:
    if record.fields is None:
        return None, None, unread(record)
    answered = answer(record, record.fields, fields, control)
    task, person = answered.one.task, answered.one.annotator
    key = (record.file, task, person) if task and person else None
    at = first_known(record.fields.get(name) for name in ("updated_at", "created_at"))
    return key, at, answered


def answer(record: ExportRecord, own: Fields, fields: ExportFields, control: str) -> Answered:
    task, who = own.get("id"), own.get("annotator")
    one = Judgement(
        record.file,
        record.line,
        task=str(task) if isinstance(task, int | str) else None,
        annotator=annotator(who, record.file),
    )
    said = flat_value(own.get(control), control)
    if said is None:
        return Answered(replace(one, why=NO_RESULT))
    data = {name: value for name, value in own.items() if name not in {*ABOUT, control}}
    return Answered(one, data, {control: said}, items(data, {control: said}, fields))


def annotator(who: object, file: str) -> str | None:
    """As in the full export: a number says nothing without the file."""
    if isinstance(who, int):
        return f"{file}:{who}"
    return who if isinstance(who, str) and who else None


def flat_value(value: Any, control: str) -> Said | None:
    """One choice or text is a text, several are an object; all else is a list of objects."""
    if isinstance(value, str):
        return Said("text", ((value.strip(),),)) if value.strip() else None
    parts = value if isinstance(value, list) else [value]
    found = [said for part in parts if (said := part_of(part, control))]
    return reduce(Said.and_also, found) if found else None


def part_of(part: Any, control: str) -> Said | None:
    if isinstance(part, str):
        return Said.wrote([part]) if part.strip() else None
    if not isinstance(part, dict):
        return None
    texts = part.get("text")
    own = tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()
    return said_of(part, own, control)
