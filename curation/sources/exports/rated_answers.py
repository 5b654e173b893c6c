"""Answers that are good or bad: {prompt, completion, label}, in texts or messages."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import rated
from curation.sources.exports.export_judgements import ExportJudgements
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.good_or_bad import (
    BAD_WORDS,
    GOOD_WORDS,
    OptionsMissingError,
    Praise,
    field_role,
    plain,
    praise,
)
from curation.sources.exports.preference_files import bare
from curation.sources.exports.shown import NothingShownError, ShownTask, TaskJudgement, dialogue
from curation.sources.tables.table import names_listed

LABELS = ("label", "kto_tag", "rating", "feedback", "thumbs")
ANSWERS = ("completion", "response", "output", "answer")
SIGNS = frozenset({"1", "0", "-1"})
SHOWN = 3  # commands of a message
NO_LABEL = "without a label"


def judge_rated(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every record the rated answer that it is, or why it is none. Raises InputError."""
    name = label_name(export, fields)
    labels = [text for own in export.readable if (text := label_text(own.get(name)))]
    words = words_of(labels, fields, export.path)
    return ExportJudgements([judged(record, name, words, fields) for record in export.records])


def judged(record: ExportRecord, name: str, words: Praise, fields: ExportFields) -> TaskJudgement:
    one = bare(record)
    return one if record.fields is None else judgement(one, record.fields, name, words, fields)


def looks_like_rated(records: Sequence[Fields]) -> bool:
    """Whether each record has an answer, and each label says good or bad."""
    names = (*ANSWERS, "messages", "conversations")
    answered = all(any(name in record for name in names) for record in records)
    found = [first_label(record) for record in records]
    labels = {plain(label) for label in found if label}
    return answered and bool(labels) and labels <= GOOD_WORDS | BAD_WORDS | SIGNS


def first_label(record: Fields) -> str | None:
    return next((text for name in LABELS if (text := label_text(record.get(name)))), None)


def label_name(export: Export, fields: ExportFields) -> str:
    """The field of the labels. Raises InputError where none is there, or several could be it."""
    there = list(dict.fromkeys(name for own in export.readable for name in own))
    wanted = [fields.control] if fields.control else list(LABELS)
    found = [name for name in wanted if name in there]
    if len(found) != 1 and there:
        problem = (
            f"name --control FIELD, which holds the labels: this file has {names_listed(there)}"
        )
        usual = [name for name in LABELS if name in there]
        others = [name for name in there if field_role(name) == "about"]
        names = (found or usual or others)[:SHOWN]
        readings = [fields.model_copy(update={"control": name}) for name in names]
        raise OptionsMissingError([problem], readings, export.path)
    return found[0] if found else LABELS[0]


def label_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float):
        return str(value).casefold() if isinstance(value, bool) else f"{value:g}"
    return None


def words_of(labels: Sequence[str], fields: ExportFields, path: Path) -> Praise:
    """What is good and what is bad; where there is a -1, 0 is neither. Raises InputError."""
    found = set(map(plain, labels))
    if fields.good or fields.bad or not found <= GOOD_WORDS | BAD_WORDS | SIGNS:
        scale = any(label.lstrip("-").isdecimal() for label in found)
        return praise(fields, labels, path, scale=scale)
    return Praise(GOOD_WORDS | {"1"}, BAD_WORDS | ({"-1"} if "-1" in found else {"0"}))


def judgement(
    one: TaskJudgement, record: Fields, name: str, words: Praise, fields: ExportFields
) -> TaskJudgement:
    label = label_text(record.get(name))
    if label is None:
        return replace(one, why=NO_LABEL)
    try:
        prompt, answer = rated_dialogue(record, fields)
    except NothingShownError as nothing:
        return replace(one, why=str(nothing))
    what = ShownTask(prompt, answer)
    return rated(replace(one, asked=what.digest), words.of([label]), what)


def rated_dialogue(record: Fields, fields: ExportFields) -> tuple[Any, str]:
    """The answer is in a field of its own, or ends the conversation."""
    wanted = [fields.completion] if fields.completion else list(ANSWERS)
    name = next((name for name in wanted if record.get(name) is not None), None)
    if name:
        return dialogue(record, record[name], fields)
    whole = next((record[n] for n in ("messages", "conversations") if record.get(n)), None)
    own = {key: value for key, value in record.items() if key == "system"}
    return dialogue(own, whole, fields.model_copy(update={"prompt": ()}))
