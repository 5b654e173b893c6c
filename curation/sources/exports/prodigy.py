"""Prodigy's JSON Lines, as `prodigy db-out` writes them: a line an answer of one person."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from curation.curation_settings import ExportFields
from curation.sources.exports.answered_task import AnsweredTask, ControlAnswer, unread
from curation.sources.exports.export_judgements import ExportJudgements, Key, judge, newest
from curation.sources.exports.export_reading import READABLE, only_one, readings_of
from curation.sources.exports.export_records import Export, ExportRecord, Fields
from curation.sources.exports.good_or_bad import field_role
from curation.sources.exports.shown import (
    IGNORED,
    NO_RESULT,
    REJECTED,
    TaskJudgement,
    texts_in,
)
from curation.sources.table_rows import as_text
from curation.sources.tables.table import names_listed
from project.canonical import digest_json
from project.errors import InputError

SHOWN = 3  # commands of a message
PARTS = ("spans", "relations")  # of a text, which people marked
OWN = frozenset({"_task_hash", "_input_hash", "_session_id", "_annotator_id"})
ANSWERS = ("accept", "reject", "ignore")
# What a task holds beside the data that people see.
OTHERS = """
    answer accept label options spans tokens relations meta user_input config html image audio
    video priority score view_id
"""
ABOUT = frozenset(OTHERS.split())
CHOICE, LABEL, WRITTEN = "accept", "label", "user_input"  # where people's answers are
# The name of a session that nobody named: the data set's, and when it began.
UNNAMED = re.compile(r"(^|.*[-_])\d{4}-\d\d-\d\d[T_ -]\d\d[-:_]\d\d[-:_]\d\d")


def judge_prodigy(export: Export, fields: ExportFields) -> ExportJudgements:
    """Of every answer what was made of it: accepted ones are rows, rejected ones negative examples.

    Raises InputError as judge_label_studio does.
    """
    export.refuse_csv()
    fields, notes = with_accepted_answer(export, fields)
    are_answers = options_are_answers(export, fields)
    if are_answers is None:
        shown = names_listed(list(offered_in(export)[0].values()))
        problem = f"name --options classes or --options answers: what are {shown}?"
        wanted = [fields.model_copy(update={"options": o}) for o in ("classes", "answers")]
        refuse_each(export, wanted, problem)
    judged = judge(answers_of(export, fields, bool(are_answers)), fields, export.path)
    return replace(judged, notes=(*notes, *judged.notes))


def answers_of(export: Export, fields: ExportFields, are_answers: bool) -> list[AnsweredTask]:
    return newest([keyed(record, fields, are_answers=are_answers) for record in export.records])


def looks_like_prodigy(records: Sequence[Fields]) -> bool:
    return bool(records) and all(
        record.get("answer") in ANSWERS and not OWN.isdisjoint(record) for record in records
    )


def options_are_answers(export: Export, fields: ExportFields) -> bool | None:
    """Whether the options of the tasks are answers to the prompts: then they differ between tasks.

    None where the records do not tell them from classes.
    """
    if fields.options:
        return fields.options == "answers"
    offered = offered_in(export)
    different = {tuple(sorted(texts.values())) for texts in offered}
    if not offered or (len(different) == 1 and len(offered) > 1):
        return False
    if len(different) > 1 and not set.intersection(*map(set, different)):
        return True
    return None


def offered_in(export: Export) -> list[dict[str, str]]:
    return [texts for task in export.readable if (texts := options_of(task))]


def refuse_each(export: Export, wanted: Sequence[ExportFields], problem: str) -> NoReturn:
    """Raise OptionsMissingError with a command for each way in which the export may be read."""
    readings = [
        replace(reading, missing=(problem, *reading.missing))
        for fields in wanted
        for reading in readings_of(
            answers_of(export, fields, fields.options == "answers"), fields, export.path
        )
    ]
    only_one(readings, export.path)
    raise AssertionError("something is missing in each")


def with_accepted_answer(
    export: Export, fields: ExportFields
) -> tuple[ExportFields, tuple[str, ...]]:
    """With the field that was accepted or rejected, where tasks hold nothing else that is an
    answer; and what was taken for it. Raises InputError where none is, and where several could be.
    """
    accepted = [task for task in export.readable if task.get("answer") == "accept"]
    telling = any(name in task for task in accepted for name in (CHOICE, LABEL, WRITTEN))
    named = fields.completion or (fields.control and any(fields.control in o for o in accepted))
    if telling or named or not accepted:
        return fields, ()
    texts = texts_in(map(data_of, accepted))
    left = [name for name in texts if name not in (*fields.prompt, *fields.slices)]
    answers = [name for name in left if field_role(name) == "answer"]
    if len(answers) == 1 and len(texts) > 1:
        note = f"the answer that was accepted or rejected: {answers[0]!r}, by its name"
        return fields.model_copy(update={"completion": answers[0]}), (note,)
    if len(texts) < 2:
        marked = " and ".join(name for name in PARTS if any(task.get(name) for task in accepted))
        what = marked or f"no answer to {names_listed(texts)} and no class of it"
        problem = f"people accepted and rejected {what}, which is not supported; {READABLE}"
        raise InputError(problem, file=export.path)
    others = answers or [name for name in left if field_role(name) is None] or left
    wanted = [fields.model_copy(update={"completion": name}) for name in others[:SHOWN]]
    problem = f"name --completion FIELD: what was accepted? This export has {names_listed(texts)}"
    refuse_each(export, wanted, problem)


def options_of(task: Fields) -> dict[str, str]:
    """The texts of the options by their ids, which may be numbers."""
    by_id = {}
    options = task.get("options")
    for option in options if isinstance(options, list) else []:
        if isinstance(option, dict) and isinstance(option.get("id"), str | int):
            text = option.get("text")
            by_id[str(option["id"])] = text.strip() if isinstance(text, str) else ""
    return {name: text or name for name, text in by_id.items()}


def keyed(
    record: ExportRecord, fields: ExportFields, *, are_answers: bool
) -> tuple[Key | None, object, AnsweredTask]:
    """An answer with what it is of, and when it was given.

    One input with another proposed class, or another answer to judge, is another question.
    """
    task = record.fields
    if task is None:
        return None, None, unread(record)
    answered = answer(record, task, fields, are_answers=are_answers)
    proposed = task.get(fields.completion) if fields.completion else None
    label = None if "options" in task else task.get(LABEL)
    # The hash of what was shown, a negative number at times; without one, the data itself.
    known = task.get("_input_hash")
    asked = digest_json([known if isinstance(known, int) else data_of(task), label, proposed])
    return (asked, answered.one.annotator), task.get("_timestamp"), answered


def data_of(task: Fields) -> Fields:
    return {name: value for name, value in task.items() if name[:1] != "_" and name not in ABOUT}


def answer(
    record: ExportRecord, task: Fields, fields: ExportFields, *, are_answers: bool
) -> AnsweredTask:
    who = annotator(task, record)
    known = task.get("_task_hash")
    judgement = TaskJudgement(
        record.file, record.line, task=str(known) if isinstance(known, int) else None, annotator=who
    )
    verdict, choices = task.get("answer"), options_of(task)
    if verdict not in ANSWERS[:2]:
        return AnsweredTask(replace(judgement, why=IGNORED if verdict == "ignore" else NO_RESULT))
    data = {n: value for n, value in data_of(task).items() if n != fields.control}
    by_control = prodigy_answers(task, choices, fields, are_answers=are_answers)
    if verdict == "reject":
        # Where an answer, or a class, was proposed, it is what the person refused.
        proposed = {n: value for n, value in by_control.items() if n in (LABEL, fields.completion)}
        if not proposed:
            return AnsweredTask(replace(judgement, why=REJECTED))
        return AnsweredTask(judgement, data, proposed, rejected=True)
    answers = choices if are_answers else {}
    judgement = judgement if by_control else replace(judgement, why=NO_RESULT)
    marks = {"": " and ".join(name for name in PARTS if task.get(name))}
    unsupported = {} if LABEL in task or not marks[""] else marks
    return AnsweredTask(judgement, data, by_control, answers, unsupported=unsupported)


def annotator(task: Fields, record: ExportRecord) -> str:
    """The person; of a session that nobody named, the file, which is often called after one."""
    for name in ("_annotator_id", "_session_id"):
        who = task.get(name)
        if isinstance(who, str) and who.strip() and not UNNAMED.fullmatch(who):
            return who.strip()
    return record.file


def prodigy_answers(
    task: Fields, choices: Mapping[str, str], fields: ExportFields, *, are_answers: bool
) -> dict[str, ControlAnswer]:
    """What each part of an answer holds."""
    by_control: dict[str, ControlAnswer] = {}
    accepted = task.get(CHOICE)
    if choices and isinstance(accepted, list):
        ids = [str(option) for option in accepted if isinstance(option, str | int)]
        by_control[CHOICE] = ControlAnswer.chose(
            ids if are_answers else [choices.get(i, i) for i in ids]
        )
    elif isinstance(label := task.get(LABEL), str) and label.strip():
        by_control[LABEL] = ControlAnswer("proposed", ((label.strip(),),))
    for name in {WRITTEN, fields.control or WRITTEN}:
        if name not in by_control and isinstance(text := task.get(name), str) and text.strip():
            by_control[name] = ControlAnswer.wrote([text])
    if not by_control and fields.completion and (text := as_text(task.get(fields.completion))):
        by_control[fields.completion] = ControlAnswer.wrote([text])
    return by_control
