"""Pairs of answers of which one is preferred, {prompt, chosen, rejected}, and rated answers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import preferred, rated
from curation.sources.exports.export_judgements import ExportJudgements
from curation.sources.exports.export_reading import FIELD
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.good_or_bad import (
    BAD_WORDS,
    GOOD_WORDS,
    OptionsMissingError,
    Praise,
    alternatives,
    field_role,
    plain,
    praise,
)
from curation.sources.exports.shown import (
    DIFFERENT_PROMPTS,
    NothingShownError,
    ShownTask,
    TaskJudgement,
    dialogue,
    with_all_shown,
)
from curation.sources.table_rows import UNREADABLE
from curation.sources.tables.table import names_listed

CHOSEN, REJECTED = "chosen", "rejected"
BY_JUDGE = "that a model chose as a judge: what people said is read"  # stage preference_data's mark


def judge_preferences(export: Export, fields: ExportFields) -> ExportJudgements:
    """The pair that every record is, or why it is none. Raises InputError."""
    there = list(dict.fromkeys(name for record in export.readable for name in record))
    known = dict(zip((CHOSEN, REJECTED), names_in(there) or (CHOSEN, REJECTED), strict=True))
    chosen, rejected = (fields.answers.get(side, name) for side, name in known.items())
    refuse_others(export, there, (chosen, rejected), fields)
    return ExportJudgements(
        [pair_judgement(record, (chosen, rejected), fields) for record in export.records]
    )


def names_in(names: Sequence[str]) -> tuple[str, str] | None:
    """The fields of the two answers, by their names: chosen and rejected, chosen_messages and
    rejected_messages.
    """
    pairs = [(name, name.replace(CHOSEN, REJECTED)) for name in names if CHOSEN in name]
    present = [(chosen, rejected) for chosen, rejected in pairs if rejected in names]
    return min(present, key=lambda pair: len(pair[0]), default=None)


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
    fields = record.fields or {}
    task, who = fields.get("id"), fields.get("annotator")
    return TaskJudgement(
        record.file,
        record.line,
        task=str(task) if isinstance(task, int | str) else None,
        annotator=who if isinstance(who, str) and who.strip() else None,
        why=UNREADABLE if record.fields is None else None,
    )


def pair_judgement(
    record: ExportRecord, names: tuple[str, str], fields: ExportFields
) -> TaskJudgement:
    judgement = bare(record)
    if record.fields is None:
        return judgement
    if record.fields.get("origin") == "judge":
        return replace(judgement, why=BY_JUDGE)
    try:
        sides = [dialogue(record.fields, record.fields.get(name), fields) for name in names]
        (prompt, chosen), (other, rejected) = sides
        what = ShownTask(prompt, answers={CHOSEN: chosen, REJECTED: rejected})
        what = with_all_shown(what, record.fields)
    except NothingShownError as nothing:
        return replace(judgement, why=str(nothing))
    if prompt != other:
        return replace(judgement, why=DIFFERENT_PROMPTS)
    return preferred(replace(judgement, asked=what.digest), [[chosen], [rejected]], what)


# --- rated answers --------------------------------------------------------------------------------

# Answers that are good or bad: {prompt, completion, label}, in texts or messages.

LABELS = ("label", "kto_tag", "rating", "feedback", "thumbs")
ANSWERS = ("completion", "response", "output", "answer")
SIGNS = frozenset({"1", "0", "-1"})
SHOWN = 3  # commands of a message
NO_LABEL = "without a label"


def judge_rated(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every record the rated answer that it is, or why it is none. Raises InputError."""
    name = label_name(export, fields)
    labels = [text for record in export.readable if (text := label_text(record.get(name)))]
    words = words_of(labels, fields, export.path)
    return ExportJudgements(
        [rating_judgement(record, name, words, fields) for record in export.records]
    )


def looks_like_rated(records: Sequence[Fields]) -> bool:
    """Whether each record has an answer, and each label says good or bad."""
    names = (*ANSWERS, "messages", "conversations")
    answered = all(any(name in record for name in names) for record in records)
    told = ([label_text(record.get(name)) for name in LABELS] for record in records)
    labels = {plain(label) for texts in told if (label := next(filter(None, texts), None))}
    return answered and bool(labels) and labels <= GOOD_WORDS | BAD_WORDS | SIGNS


def label_name(export: Export, fields: ExportFields) -> str:
    """The field of the labels. Raises InputError where none is there, or several could be it."""
    there = list(dict.fromkeys(name for record in export.readable for name in record))
    wanted = [fields.control] if fields.control else list(LABELS)
    present = [name for name in wanted if name in there]
    if len(present) != 1 and there:
        problem = (
            f"name --control FIELD, which holds the labels: this file has {names_listed(there)}"
        )
        usual = [name for name in LABELS if name in there]
        others = [name for name in there if field_role(name) == "about"]
        names = (present or usual or others)[:SHOWN]
        readings = [fields.model_copy(update={"control": name}) for name in names]
        raise OptionsMissingError([problem], readings, export.path)
    return present[0] if present else LABELS[0]


def label_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float):
        return str(value).casefold() if isinstance(value, bool) else f"{value:g}"
    return None


def words_of(labels: Sequence[str], fields: ExportFields, path: Path) -> Praise:
    """What is good and what is bad; where there is a -1, 0 is neither. Raises InputError."""
    plain_labels = set(map(plain, labels))
    if fields.good or fields.bad or not plain_labels <= GOOD_WORDS | BAD_WORDS | SIGNS:
        scale = any(label.lstrip("-").isdecimal() for label in plain_labels)
        return praise(fields, labels, path, scale=scale)
    return Praise(GOOD_WORDS | {"1"}, BAD_WORDS | ({"-1"} if "-1" in plain_labels else {"0"}))


def rating_judgement(
    record: ExportRecord, name: str, words: Praise, fields: ExportFields
) -> TaskJudgement:
    judgement = bare(record)
    if record.fields is None:
        return judgement
    label = label_text(record.fields.get(name))
    if label is None:
        return replace(judgement, why=NO_LABEL)
    try:
        asked = ShownTask(*rated_dialogue(record.fields, fields))
        what = with_all_shown(asked, record.fields)
    except NothingShownError as nothing:
        return replace(judgement, why=str(nothing))
    return rated(replace(judgement, asked=what.digest), words.of([label]), what)


def rated_dialogue(record: Fields, fields: ExportFields) -> tuple[Any, str]:
    """The answer is in a field of its own, or ends the conversation."""
    wanted = [fields.completion] if fields.completion else list(ANSWERS)
    name = next((name for name in wanted if record.get(name) is not None), None)
    if name:
        return dialogue(record, record[name], fields)
    whole = next((record[n] for n in ("messages", "conversations") if record.get(n)), None)
    system = {key: value for key, value in record.items() if key == "system"}
    return dialogue(system, whole, fields.model_copy(update={"prompt": ()}))
