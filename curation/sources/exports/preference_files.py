"""Pairs of answers of which one is preferred: {prompt, chosen, rejected}, in texts or messages."""

from collections.abc import Sequence
from dataclasses import replace

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import preferred
from curation.sources.exports.export_judgements import ExportJudgements
from curation.sources.exports.export_reading import FIELD
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.good_or_bad import OptionsMissingError, alternatives
from curation.sources.exports.shown import (
    DIFFERENT_PROMPTS,
    NothingShownError,
    ShownTask,
    TaskJudgement,
    dialogue,
)
from curation.sources.table_rows import UNREADABLE
from curation.sources.tables.table import names_listed

CHOSEN, REJECTED = "chosen", "rejected"
BY_JUDGE = "that a model chose as a judge: what people said is read"  # stage preference_data's mark


def judge_preferences(export: Export, fields: ExportFields) -> ExportJudgements:
    """The pair that every record is, or why it is none. Raises InputError."""
    there = list(dict.fromkeys(name for own in export.readable for name in own))
    known = dict(zip((CHOSEN, REJECTED), names_in(there) or (CHOSEN, REJECTED), strict=True))
    chosen, rejected = (fields.answers.get(side, name) for side, name in known.items())
    refuse_others(export, there, (chosen, rejected), fields)
    return ExportJudgements(
        [judged(record, (chosen, rejected), fields) for record in export.records]
    )


def names_in(names: Sequence[str]) -> tuple[str, str] | None:
    """The fields of the two answers, by their names: chosen and rejected, chosen_messages and
    rejected_messages.
    """
    pairs = [(name, name.replace(CHOSEN, REJECTED)) for name in names if CHOSEN in name]
    found = [(chosen, rejected) for chosen, rejected in pairs if rejected in names]
    return min(found, key=lambda pair: len(pair[0]), default=None)


def judged(record: ExportRecord, names: tuple[str, str], fields: ExportFields) -> TaskJudgement:
    one = bare(record)
    return one if record.fields is None else judgement(one, record.fields, names, fields)


def looks_like_preferences(records: Sequence[Fields]) -> bool:
    return bool(records) and all(names_in(list(record)) for record in records)


def refuse_others(
    export: Export, there: Sequence[str], names: tuple[str, str], fields: ExportFields
) -> None:
    """Raise OptionsMissingError where no record has the answers."""
    if not there or set(names) <= set(there):
        return
    shown = dict(enumerate(names_in(there) or (), start=1)) or alternatives(there)
    answers = {CHOSEN: shown.get(1, FIELD), REJECTED: shown.get(2, FIELD)}
    problem = (
        "name --answer chosen=FIELD and --answer rejected=FIELD, of the better and of the worse "
        f"answer: this file has {names_listed(there)}"
    )
    named = fields.model_copy(update={"answers": answers})
    raise OptionsMissingError([problem], [named], export.path)


def bare(record: ExportRecord) -> TaskJudgement:
    """Who judged what, as far as the record says so."""
    own = record.fields or {}
    task, who = own.get("id"), own.get("annotator")
    return TaskJudgement(
        record.file,
        record.line,
        task=str(task) if isinstance(task, int | str) else None,
        annotator=who if isinstance(who, str) and who.strip() else None,
        why=UNREADABLE if record.fields is None else None,
    )


def judgement(
    one: TaskJudgement, record: Fields, names: tuple[str, str], fields: ExportFields
) -> TaskJudgement:
    if record.get("origin") == "judge":
        return replace(one, why=BY_JUDGE)
    try:
        sides = [dialogue(record, record.get(name), fields) for name in names]
    except NothingShownError as nothing:
        return replace(one, why=str(nothing))
    (prompt, chosen), (other, rejected) = sides
    if prompt != other:
        return replace(one, why=DIFFERENT_PROMPTS)
    what = ShownTask(prompt, answers={CHOSEN: chosen, REJECTED: rejected})
    return preferred(replace(one, asked=what.digest), [[chosen], [rejected]], what)
