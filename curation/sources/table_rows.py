"""Rows out of a table by its columns, and of every record what became of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from curation.curation_settings import Columns, ToolTurns
from curation.faults.missing_answers import is_more_than_placeholder
from curation.sources.chat_shapes import conversation, with_tools_as_text
from curation.sources.row_formats import Read, answerable_in, complete, evidence_in, turn
from curation.sources.tables.json_nesting import with_nested
from curation.sources.tables.table import Table, TableRow, find_column
from curation.sources.tool_turns import tool_chat
from curation.sources.turns import Turns, pairs
from project.errors import InputError, first_problem
from project.records.data import Message, Origin, Row
from project.shown_passages import cited

Fields = dict[str, Any]

# Why a record gave no row; each reads well behind a number.
NO_PROMPT = "without a prompt"
NO_ANSWER = "without an answer"
NO_TEXT = "with a value that is no text"
NO_PASSAGE = "with evidence that is none"
UNREADABLE = "unreadable"

SOURCES = Path("datasets/sources")
SCENARIO = "scenario"  # a column that needs no name: its rows are none to be learnt


def rows_of_table(table: Table, columns: Columns) -> Iterator[Read]:
    table = with_nested(table, columns.names)
    named = renamed(columns, partial(find_column, table))
    actual, name = columns.model_copy(update=named), name_of(table.path)
    # A column whose values are all lists or objects, where texts are asked for.
    answers = [] if actual.json_answers or not actual.completion else [actual.completion]
    for column in (*actual.prompt, *answers, *actual.slices):
        values = [row.fields[column] for row in table.rows if row.fields.get(column) is not None]
        if values and all(isinstance(value, list | dict) for value in values):
            problem = "holds lists or objects, not texts: name another column"
            raise InputError(problem, file=table.path, field=column)
    lost = [Read(Origin(file=name, line=row.line, why=UNREADABLE)) for row in table.unreadable]
    records = numbered(table.rows)
    made = [read for record in records for read in rows_of_record(record, actual, name)]
    yield from sorted([*lost, *made], key=lambda read: read.origin.line)


def name_of(path: Path) -> str:
    """A file's name below datasets/sources, by which people know it: two folders may each have a
    file of one name.
    """
    return path.relative_to(SOURCES).as_posix() if path.is_relative_to(SOURCES) else path.name


def numbered(records: Sequence[TableRow]) -> Sequence[TableRow]:
    """The records by their lines, or by their numbers where several stand on one line."""
    if len({record.line for record in records}) == len(records):
        return records
    return [replace(record, line=number) for number, record in enumerate(records, start=1)]


@dataclass(frozen=True)
class NamedColumns:
    """What somebody named; None and () are for what nobody did."""

    prompt: tuple[str, ...] = ()
    completion: str | None = None
    messages: str | None = None
    turns: Turns | None = None
    tools: ToolTurns = "refuse"  # turns of tools in conversations
    instruction: str | None = None  # a text
    system: str | None = None  # a text
    slices: tuple[str, ...] | None = None  # () is for none at all
    group: str | None = None
    evidence: tuple[str, ...] = ()
    answerable: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that were named."""
        single = (self.completion, self.messages, self.group, self.answerable)
        several = (*self.prompt, *(self.slices or ()), *self.evidence)
        return (*several, *(name for name in single if name is not None))


def renamed(columns: Columns | NamedColumns, own: Callable[[str], str]) -> Fields:
    """The fields that name columns, by the names that `own` gives."""
    named: Fields = {}
    for name in ("prompt", "slices", "evidence"):
        several = getattr(columns, name)
        named[name] = None if several is None else tuple(map(own, several))
    for name in ("completion", "messages", "group", "answerable"):
        column = getattr(columns, name)
        named[name] = None if column is None else own(column)
    return named


def rows_of_record(record: TableRow, columns: Columns, file: str) -> Iterator[Read]:
    """The rows of one record: several where every turn of a conversation is one."""
    turns = conversation_turns if columns.messages else pair_turns
    scenario = record.fields.get(SCENARIO)
    if isinstance(scenario, dict):
        columns = columns.model_copy(update={"turns": "last"})
    try:
        stands_on = evidence_of(record.fields, columns)
    except (ValueError, TypeError, RecursionError) as error:
        yield Read(Origin(file=file, line=record.line, why=f"{NO_PASSAGE}: {error}"))
        return
    outcome = turns(with_abstention(record.fields, columns, stands_on), columns)
    if isinstance(outcome, str):
        yield Read(Origin(file=file, line=record.line, why=outcome))
        return
    # Slices and group; a slice without a value is none.
    values = {name: as_text(record.fields.get(name)) for name in columns.slices}
    slices = {name: text.strip() for name, text in values.items() if text and text.strip()}
    about: Fields = {"slices": slices} if slices else {}
    if columns.messages:
        about["group"] = f"{file}:{record.line}"
    if columns.group and (group := as_text(record.fields.get(columns.group))):
        about["group"] = f"{columns.group}={group.strip()}"
    about |= stands_on | ({SCENARIO: scenario} if isinstance(scenario, dict) else {})
    for prompt, completion, tools in outcome:
        fields = {"prompt": prompt, "completion": completion} | about
        fields |= {"tools": tools} if tools else {}
        try:
            row = Row.model_validate(complete(fields, file))
        except ValidationError as error:
            why = f"no conversation: {first_problem(error)}"
            yield Read(Origin(file=file, line=record.line, why=why))
        else:
            yield Read(Origin(file=file, line=record.line, row=row.id), row)


def evidence_of(fields: Fields, columns: Columns) -> Fields:
    """Passages, and whether they hold an answer: none where the list of answers is empty, as in
    SQuAD 2.0 where no column says it. Raises ValueError.
    """
    if not columns.evidence:
        return {}
    passages = evidence_in(fields.get(name) for name in columns.evidence)
    name = columns.answerable
    holds = answerable_in(name, fields.get(name)) if name else None
    if passages and not columns.json_answers and fields.get(columns.completion or "") == []:
        holds = False
    evidence: Fields = {"evidence": passages} if passages else {}
    return evidence if holds is None else evidence | {"answerable": holds}


def with_abstention(fields: Fields, columns: Columns, stands_on: Fields) -> Fields:
    """A record with the answer that its passages allow: none where they hold none, and a citation
    where it stands in the one passage, word for word.
    """
    name, passages = columns.completion, stands_on.get("evidence")
    if not name or not passages:
        return fields
    answer = as_text(fields.get(name)) or ""
    if not answer.strip() and stands_on.get("answerable") is False:
        return {**fields, name: columns.abstention}
    quoted = len(passages) == 1 and answer.strip() in passages[0]["text"]
    if answer.strip() and quoted and not cited(answer):
        return {**fields, name: f"{answer.strip()} [1]"}
    return fields


# Prompts with their completions, and with the tools that these may call.
TurnPairs = list[tuple[list[Fields], list[Fields], list[Fields]]]


def pair_turns(fields: Fields, columns: Columns) -> TurnPairs | str:
    """A prompt and its completion, or why there is none."""
    assert columns.completion, "columns name a pair or a conversation"
    texts = [as_text(fields.get(name)) for name in columns.prompt]
    value = fields.get(columns.completion)
    texts.append(
        json.dumps(value, ensure_ascii=False)
        if columns.json_answers and isinstance(value, list | dict)
        else as_text(value)
    )
    if None in texts:
        return NO_TEXT
    *asked, answer = (text.strip() for text in texts if text is not None)
    if not any(map(is_more_than_placeholder, asked)):
        return NO_PROMPT
    if not is_more_than_placeholder(answer):
        return NO_ANSWER
    prompt = "\n\n".join(filter(None, [columns.instruction, *asked]))
    return [([*system_turn(columns), *turn("user", prompt)], turn("assistant", answer), [])]


def conversation_turns(fields: Fields, columns: Columns) -> TurnPairs | str:
    """Prompts and completions of a conversation, or why there are none."""
    assert columns.messages, "columns name a pair or a conversation"
    value, tools = fields.get(columns.messages), list[Fields]()
    try:
        if columns.tools == "text":
            value = with_tools_as_text(value, fields.get("tools"))
        if columns.tools == "keep":
            beside = {name: cell for name, cell in fields.items() if name != columns.messages}
            messages, tools = tool_chat(value, beside)
        else:
            messages = conversation(value)
        chat_pairs = pairs(messages, columns.turns)
    except (ValueError, RecursionError) as error:
        return f"no conversation: {error}"
    made: TurnPairs = []
    for prompt, completion in chat_pairs.pairs:
        if completion.tool_calls or is_more_than_placeholder(completion.content):
            has_own = any(message.role == "system" for message in prompt)
            system = [] if has_own else system_turn(columns)
            made.append(([*system, *as_turns(prompt)], as_turns((completion,)), tools))
    return made or (f"no row of a conversation: {chat_pairs.why}" if chat_pairs.why else NO_ANSWER)


def system_turn(columns: Columns) -> list[Fields]:
    return turn("system", columns.system) if columns.system else []


def as_turns(messages: tuple[Message, ...]) -> list[Fields]:
    return [message.model_dump() for message in messages]


def as_text(value: Any) -> str | None:
    """A value as a text; None for one that holds others: nobody wrote it to be read."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return None if isinstance(value, list | dict) else json.dumps(value)
