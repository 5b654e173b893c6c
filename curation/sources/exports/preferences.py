"""Pairs of answers of which one is preferred: {prompt, chosen, rejected}, in texts or messages."""

from collections.abc import Sequence
from dataclasses import replace

from curation.curation_settings import ExportFields
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.judgements.dialogues import DIFFERENT_PROMPTS, dialogue
from curation.sources.exports.judgements.judgement import Judgement
from curation.sources.exports.judgements.judging import Judged
from curation.sources.exports.judgements.said import preferred
from curation.sources.exports.judgements.shown import NothingShownError, Shown
from curation.sources.table_rows import UNREADABLE
from curation.sources.tables.column_names import listed
from project.errors import InputError

CHOSEN, REJECTED = "chosen", "rejected"
BY_JUDGE = "that a model chose as a judge: what people said is read"  # stage preference_data's mark


def judge_preferences(export: Export, fields: ExportFields) -> Judged:
    """Of every record the pair that it is, or why it is none. Raises InputError."""
    chosen, rejected = (fields.answers.get(name, name) for name in (CHOSEN, REJECTED))
    refuse_others(export, (chosen, rejected))
    return Judged([judged(record, (chosen, rejected), fields) for record in export.records])


def judged(record: ExportRecord, names: tuple[str, str], fields: ExportFields) -> Judgement:
    one = bare(record)
    return one if record.fields is None else judgement(one, record.fields, names, fields)


def looks_like_preferences(records: Sequence[Fields]) -> bool:
    return bool(records) and all({CHOSEN, REJECTED} <= record.keys() for record in records)


def refuse_others(export: Export, names: tuple[str, str]) -> None:
    """Raise InputError where no record has the answers."""
    there = list(dict.fromkeys(name for fields in export.readable for name in fields))
    if missing := [name for name in names if there and name not in there]:
        problem = (
            "no such field: name --answer chosen=FIELD and --answer rejected=FIELD; "
            f"this file has {listed(there)}"
        )
        raise InputError(problem, file=export.path, field=missing[0])


def bare(record: ExportRecord) -> Judgement:
    """Who judged what, as far as the record says so."""
    own = record.fields or {}
    task, who = own.get("id"), own.get("annotator")
    return Judgement(
        record.file,
        record.line,
        task=str(task) if isinstance(task, int | str) else None,
        annotator=who if isinstance(who, str) and who.strip() else None,
        why=UNREADABLE if record.fields is None else None,
    )


def judgement(
    one: Judgement, record: Fields, names: tuple[str, str], fields: ExportFields
) -> Judgement:
    if record.get("origin") == "judge":
        return replace(one, why=BY_JUDGE)
    try:
        sides = [dialogue(record, record.get(name), fields) for name in names]
    except NothingShownError as nothing:
        return replace(one, why=str(nothing))
    (prompt, chosen), (other, rejected) = sides
    if prompt != other:
        return replace(one, why=DIFFERENT_PROMPTS)
    what = Shown(prompt, answers={CHOSEN: chosen, REJECTED: rejected})
    return preferred(replace(one, asked=what.digest), [[chosen], [rejected]], what)
