"""Prodigy's JSON Lines, as `prodigy db-out` writes them: a line an answer of one person."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from curation.curation_settings import ExportFields
from curation.sources.exports.export_records import (
    ExportOptions,
    ExportRecord,
    Fields,
    read_records,
)
from curation.sources.exports.judgements.answered import Answered, unread
from curation.sources.exports.judgements.judgement import (
    IGNORED,
    NO_RESULT,
    REJECTED,
    Judgement,
    reads,
)
from curation.sources.exports.judgements.judging import judge
from curation.sources.exports.judgements.newest import Key, newest
from curation.sources.exports.judgements.said import Said
from curation.sources.reading import Read
from curation.sources.table_rows import as_text
from curation.sources.tables.column_names import listed
from project.canonical import digest_json
from project.errors import InputError

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


def read_prodigy(path: Path, options: ExportOptions) -> Iterator[Read]:
    """Of every answer what was made of it: accepted ones are rows, rejected ones negative examples.

    Raises InputError as read_label_studio does.
    """
    return reads(judge_prodigy(path, options))


def judge_prodigy(path: Path, options: ExportOptions) -> Iterator[Judgement]:
    records = read_records(path, options)
    fields = options.fields
    are_answers = options_are_answers(records, fields, path)
    found = [keyed(record, fields, are_answers=are_answers) for record in records]
    refuse_unsaid(records, [answered for _, _, answered in found], path)
    return judge(newest(found), fields, path)


def looks_like_prodigy(records: Sequence[Fields]) -> bool:
    return bool(records) and all(
        record.get("answer") in ANSWERS and "_task_hash" in record for record in records
    )


def options_are_answers(records: Sequence[ExportRecord], fields: ExportFields, path: Path) -> bool:
    """Whether the options of the tasks are answers to the prompts: then they differ between tasks.

    Raises InputError where the records do not tell them from classes.
    """
    if fields.options:
        return fields.options == "answers"
    offered = [texts for r in records if r.fields and (texts := options_of(r.fields))]
    different = {tuple(sorted(texts.values())) for texts in offered}
    if not offered or (len(different) == 1 and len(offered) > 1):
        return False
    if len(different) > 1 and not set.intersection(*map(set, different)):
        return True
    shown = listed(list(next(iter(offered)).values()))
    problem = f"name --options classes or --options answers: what are {shown}?"
    raise InputError(problem, file=path)


def refuse_unsaid(
    records: Sequence[ExportRecord], everything: Sequence[Answered], path: Path
) -> None:
    """Raise InputError where tasks were accepted, and nothing in them is known to be an answer."""
    tasks = [record.fields for record in records if record.fields]
    accepted = [task for task in tasks if task.get("answer") == "accept"]
    empty = [
        task for task in accepted if not any(name in task for name in (CHOICE, LABEL, WRITTEN))
    ]
    if empty == accepted != [] and not any(answered.said for answered in everything):
        names = listed(list(dict.fromkeys(name for task in tasks for name in data_of(task))))
        raise InputError(f"name --completion FIELD: what was accepted? It has {names}", file=path)


def options_of(task: Fields) -> dict[str, str]:
    """The texts of the options by their ids, which may be numbers."""
    found = {}
    options = task.get("options")
    for option in options if isinstance(options, list) else []:
        if isinstance(option, dict) and isinstance(option.get("id"), str | int):
            text = option.get("text")
            found[str(option["id"])] = text.strip() if isinstance(text, str) else ""
    return {name: text or name for name, text in found.items()}


def keyed(
    record: ExportRecord, fields: ExportFields, *, are_answers: bool
) -> tuple[Key | None, object, Answered]:
    """An answer with what it is of, and when it was given.

    One input with another proposed class, or another answer to judge, is another question.
    """
    task = record.fields
    if task is None:
        return None, None, unread(record)
    answered = answer(record, task, fields, are_answers=are_answers)
    proposed = task.get(fields.completion) if fields.completion else None
    label = None if "options" in task else task.get(LABEL)
    asked = digest_json([input_of(task), label, proposed])
    return (asked, answered.one.annotator), task.get("_timestamp"), answered


def input_of(task: Fields) -> object:
    """The hash of what was shown, a negative number at times; without one, the data itself."""
    known = task.get("_input_hash")
    return known if isinstance(known, int) else data_of(task)


def data_of(task: Fields) -> Fields:
    return {name: value for name, value in task.items() if name[:1] != "_" and name not in ABOUT}


def answer(
    record: ExportRecord, task: Fields, fields: ExportFields, *, are_answers: bool
) -> Answered:
    one = Judgement(
        record.file, record.line, task=task_name(task), annotator=annotator(task, record)
    )
    verdict, choices = task.get("answer"), options_of(task)
    if verdict not in ANSWERS[:2]:
        return Answered(replace(one, why=IGNORED if verdict == "ignore" else NO_RESULT))
    data = {n: value for n, value in data_of(task).items() if n != fields.control}
    said = said_with(task, choices, fields, are_answers=are_answers)
    if verdict == "reject":
        return rejected(one, data, said, fields)
    answers = choices if are_answers else {}
    return Answered(one, data, said, answers) if said else Answered(replace(one, why=NO_RESULT))


def rejected(
    one: Judgement, data: Fields, said: Mapping[str, Said], fields: ExportFields
) -> Answered:
    """Where an answer, or a class, was proposed, it is what the person refused."""
    proposed = {name: value for name, value in said.items() if name in (LABEL, fields.completion)}
    if not proposed:
        return Answered(replace(one, why=REJECTED))
    return Answered(one, data, proposed, rejected=True)


def task_name(task: Fields) -> str | None:
    known = task.get("_task_hash")
    return str(known) if isinstance(known, int) else None


def annotator(task: Fields, record: ExportRecord) -> str:
    """The person; of a session that nobody named, the file, which is often called after one."""
    for name in ("_annotator_id", "_session_id"):
        who = task.get(name)
        if isinstance(who, str) and who.strip() and not UNNAMED.fullmatch(who):
            return who.strip()
    return record.file


def said_with(
    task: Fields, choices: Mapping[str, str], fields: ExportFields, *, are_answers: bool
) -> dict[str, Said]:
    """What each part of an answer holds."""
    found: dict[str, Said] = {}
    accepted = task.get(CHOICE)
    if choices and isinstance(accepted, list):
        ids = [str(one) for one in accepted if isinstance(one, str | int)]
        found[CHOICE] = Said.chose(ids if are_answers else [choices.get(i, i) for i in ids])
    elif isinstance(label := task.get(LABEL), str) and label.strip():
        found[LABEL] = Said("proposed", ((label.strip(),),))
    for name in {WRITTEN, fields.control or WRITTEN}:
        if name not in found and isinstance(text := task.get(name), str) and text.strip():
            found[name] = Said.wrote([text])
    if not found and fields.completion and (text := as_text(task.get(fields.completion))):
        found[fields.completion] = Said.wrote([text])
    return found
