"""What each column of a table is, guessed from its name and its values, or an error that asks."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any

from curation.curation_settings import Columns, ToolTurns
from curation.sources.chat_shapes import with_tools_as_text
from curation.sources.columns.choices import SPANS, ColumnChoice, has_to_choose
from curation.sources.columns.column_name import read_name
from curation.sources.columns.column_profile import (
    ColumnProfile,
    asks,
    profiles,
    values_of,
)
from curation.sources.columns.column_words import (
    ColumnReading,
    Guess,
    Taken,
    answer_notes,
    column_note,
    group_columns,
    slice_columns,
    taken_for,
)
from curation.sources.columns.pair_or_chat import chat_notes, find_rows, is_constant_text
from curation.sources.row_formats import CONTRARY
from curation.sources.table_rows import NamedColumns, renamed
from curation.sources.tables.json_nesting import DOT, is_conversation, with_nested
from curation.sources.tables.table import Table, TableRow, find_column, plain_name
from curation.sources.tool_turns import BESIDE, holds_tools, tool_chat
from project.errors import InputError
from project.tool_rendering import as_text
from project.unicode_words import words
from project.untrusted_input import one_line

TEXTS = ("value",)  # fields of an object that hold what it says, beside `text` and the like
LOOKED_AT = 20  # rows


def guess(tables: Sequence[Table], given: NamedColumns, *, passages: bool = False) -> Guess:
    """The columns of tables that are read together, by the names that the first one has for them.

    What was named is taken as it is. Fields of objects are columns too where no others will do, as
    json_nesting.py names them. Raises InputError where a table lacks it, and where it is not
    sure what is prompt and what is completion: the message lists the choices as options.
    `passages`: whether a text that holds the answers may be taken for what they stand on, and not
    for a part of the prompt: where the project shows passages.
    """
    if empty := next((table for table in tables if not table.rows), None):
        raise InputError("has no rows", file=empty.path)
    # Every name is as long as a sentence: so is text that is no table.
    for headed in tables:
        if is_delimited(headed) and all(map(is_sentence, headed.columns)):
            shown = " | ".join(one_line(name)[:SHOWN] for name in headed.columns)
            problem = f"reads like a record, and not like names of columns ({shown}): {LINE}"
            raise InputError(problem, file=headed.path, line=1)
    if given.messages is not None and (given.prompt or given.completion is not None):
        raise InputError("name --prompt and --completion, or --messages, and not both")
    if given.completion in given.prompt:
        raise InputError(f"--prompt and --completion are both {given.completion!r}")
    if given.answerable and not given.evidence:
        raise InputError("name the columns with passages: --evidence COLUMN", field="--answerable")
    if given.tools == "keep" and not any(map(tells_of_tools, tables)):
        given = replace(given, tools="refuse")
    if given.tools != "refuse":
        tables = [with_told_tools(table, given.tools) for table in tables]
    tables = [with_nested(table, given.columns) for table in tables]
    nested = [with_nested(table) for table in tables]
    if [table.columns for table in nested] == [table.columns for table in tables]:
        return guess_plain(tables, given, passages)
    try:
        flat = guess_plain(tables, given, passages)
    except InputError:
        deeper = guess_plain(nested, given, passages)
        # A nested field has to be what an answer says, and not one of its parts.
        leaf = (deeper.columns.completion or "text").rpartition(DOT)[2]
        if given.columns or leaf in TEXTS or read_name(leaf).role in ("answer", "body"):
            return deeper
        raise
    if given.completion is None and passes_over(tables, flat.columns):
        return guess_plain(nested, given, passages)
    return flat


def tells_of_tools(table: Table) -> bool:
    """Whether a conversation of it calls a tool, describes one, or says what was learnt."""
    return any(
        holds_tools(value)
        or (is_conversation(value) and any(is_json(record.fields.get(name)) for name in BESIDE))
        for record in table.rows
        for value in record.fields.values()
    )


def is_json(value: Any) -> bool:
    """Whether it is a list or an object, or a text of one; no name, such as "hammer"."""
    return bool(value) and (not isinstance(value, str) or value.lstrip()[:1] in ("[", "{"))


def with_told_tools(table: Table, tools: ToolTurns) -> Table:
    """The table whose conversations tell of tools in texts: so they are known for conversations."""

    def told(value: Any, beside: Mapping[str, Any]) -> Any:
        with suppress(ValueError):  # its row says why
            if tools == "keep" and holds_tools(value):
                turns = as_text(tool_chat(value, beside).messages, None)
                return [turn.model_dump() for turn in turns]
            return with_tools_as_text(value) if is_conversation(value) else value
        return value

    rows = [
        {name: told(value, row.fields) for name, value in row.fields.items()} for row in table.rows
    ]
    lines = (row.line for row in table.rows)
    return replace(table, rows=tuple(map(TableRow, lines, rows)))


def passes_over(tables: Sequence[Table], read: Columns) -> bool:
    """Whether a column is taken for the answer though another is called so, and holds objects."""
    if read.completion is None or read_name(read.completion).role == "answer":
        return False
    called = [name for name in tables[0].columns if read_name(name).role == "answer"]
    values = [row.fields.get(name) for name in called for row in tables[0].rows[:LOOKED_AT]]
    return any(isinstance(value, list | dict) for value in values)


def guess_plain(tables: Sequence[Table], given: NamedColumns, passages: bool) -> Guess:
    """Guess columns as they are. Raises InputError."""
    given = by_own_names(tables, given)
    columns = profiles(tables)
    given = with_evidence(tables, columns, given) if passages else given
    texts = [c for c in columns if c.name not in (*given.evidence, given.answerable)]
    choice = choose(tables, texts, given)
    reading = read_columns(columns, choice, given)
    # Names may be the values of a record; a form that people filled in has such names too.
    names = [name for table in tables if is_delimited(table) for name in table.columns]
    likely = [name for name in names if is_sentence(name) and (asks(name) or name.endswith("."))]
    shown = [f'the first line is taken for names, such as "{one_line(n)[:SHOWN]}"' for n in likely]
    notes = [f"{note}; if it is a record, {LINE}" for note in shown[:1]]
    answers = (c for c in columns if c.name == reading.columns.completion)
    others = [column_note(c, reading) for c in columns if c.name != reading.columns.completion]
    notes += [*chain.from_iterable(map(answer_notes, answers)), *filter(None, others)]
    if name := reading.columns.messages:
        told = chat_notes(name, values_of(tables, name), reading.columns.turns)
        # Of calls that cannot be read each record says why.
        notes += [n for n in told if reading.columns.tools != "keep" or "cannot be read" not in n]
    return Guess(
        columns=reading.columns,
        taken=taken_columns(tables, columns, reading),
        notes=tuple(map(one_line, notes)),
    )


QUOTED = 0.9  # of the answers that stand in a text word for word: it is what they stand on


def with_evidence(
    tables: Sequence[Table], columns: Sequence[ColumnProfile], given: NamedColumns
) -> NamedColumns:
    """What was named, with the text beside a question that holds nearly all answers as evidence, as
    in SQuAD, and the column that says which have none.
    """
    if given.evidence or given.messages:
        return given
    role = {c.name: c.role for c in columns}
    answers = [given.completion] if given.completion else [c for c in role if role[c] == "answer"]
    free = [c for c in role if role[c] == "context" and c not in given.columns]
    evidence = [c for c in free for answer in answers if holds_answers(tables, c, answer)]
    if len(set(evidence)) != 1 or "question" not in role.values():
        return given
    says = [c for c in role if plain_name(c) in CONTRARY | {"answerable"}]
    return replace(given, evidence=(evidence[0],), answerable=next(iter(says), None))


def holds_answers(tables: Sequence[Table], context: str, answer: str) -> bool:
    pairs = [
        (row.fields.get(context), row.fields.get(answer)) for table in tables for row in table.rows
    ]
    texts = [(a, b) for a, b in pairs if isinstance(a, str) and isinstance(b, str) and b.strip()]
    held = sum(b.strip() in a and len(b.strip()) < len(a) for a, b in texts)
    return held >= QUOTED * len(texts) > 0


def by_own_names(tables: Sequence[Table], given: NamedColumns) -> NamedColumns:
    """What was named, by the names of the first table. Raises InputError where a table lacks it."""
    names: dict[str, str] = {}
    for name in given.columns:
        names[name], *_ = [find_column(table, name) for table in tables]
    return replace(given, **renamed(given, names.__getitem__))


def choose(
    tables: Sequence[Table],
    columns: Sequence[ColumnProfile],
    given: NamedColumns,
) -> ColumnChoice:
    """The one choice. Raises InputError where there is none, or more than one."""
    refuse_unreadable(tables, columns, given)
    fitting = find_rows(columns, given)
    if fitting.sure:
        return fitting.sure
    refuse_lacking(tables, given)
    raise has_to_choose(fitting, columns, tables[0].path)


def refuse_unreadable(
    tables: Sequence[Table], columns: Sequence[ColumnProfile], given: NamedColumns
) -> None:
    """Raise InputError for a column that was named for what none of its values is."""
    for column in columns:
        problem = None
        if column.name == given.messages and not column.chats:
            problem = f"no row can be read as a conversation: {column.no_chat or 'all are empty'}"
        if column.kind in ("lists", "objects") and column.name in given.prompt:
            problem = f"holds {column.kind}, and a prompt is a text"
        if column.has_spans and column.name == given.completion:
            problem = SPANS
        if column.kind == "nothing" and column.name in (*given.prompt, given.completion):
            problem = "is empty in all rows"
        if problem:
            raise InputError(problem, file=tables[0].path, field=column.name)


def refuse_lacking(tables: Sequence[Table], given: NamedColumns) -> None:
    """Raise InputError where the first table would do, but another one lacks its columns."""
    first, *others = tables
    if not others:
        return
    alone = find_rows(profiles([first]), given).sure
    for other in others:
        for name in alone.names if alone else ():
            find_column(other, name)


def read_columns(
    columns: Sequence[ColumnProfile],
    choice: ColumnChoice,
    given: NamedColumns,
) -> ColumnReading:
    texts, constant = constant_texts(columns, choice, given)
    free = [c for c in columns if c.name not in (*choice.names, *constant, *given.columns)]
    groups = group_columns(free) if given.group is None else []
    group = next(iter(groups), None) if given.group is None else given.group
    free = [c for c in free if c.name not in groups]
    slices, could_be = slice_columns(free)
    if given.slices is not None:
        slices, could_be = list(given.slices), [*slices, *could_be]
    read = Columns(
        prompt=choice.prompt,
        completion=choice.completion,
        messages=choice.messages,
        turns=given.turns or "last",
        tools=given.tools if choice.messages or given.tools == "text" else "refuse",
        json_answers=any(c.name == choice.completion and c.is_json for c in columns),
        slices=tuple(slices),
        group=group,
        evidence=given.evidence,
        answerable=given.answerable,
        **texts,
    )
    return ColumnReading(read, given, constant, could_be, groups[1:])


def constant_texts(
    columns: Sequence[ColumnProfile], choice: ColumnChoice, given: NamedColumns
) -> tuple[dict[str, Any], dict[str, Taken]]:
    """Texts that stand in all rows, as settings, and what their columns are taken for."""
    texts: dict[str, Any] = {"system": given.system, "instruction": given.instruction}
    words: dict[str, Taken] = {}
    constant = [c for c in columns if is_constant_text(c) and c.name not in choice.names]
    for column in sorted(constant, key=lambda c: c.role != "system"):
        free = [name for name, text in texts.items() if text is None]
        words[column.name] = Taken(None, "one text in all rows, and there is one already")
        if free:
            texts[free[0]] = column.most_common[0]
            words[column.name] = Taken(free[0], "one text in all rows")
    return texts, words


def taken_columns(
    tables: Sequence[Table], columns: Sequence[ColumnProfile], reading: ColumnReading
) -> dict[str, Taken]:
    """Every column of every table, with what becomes of it; those that all have come first."""
    taken = {c.name: taken_for(c, reading) for c in columns}
    shared = {plain_name(name) for name in taken}
    for table in tables:
        for name in table.columns:
            lacking = [t for t in tables if plain_name(name) not in map(plain_name, t.columns)]
            if lacking and plain_name(name) not in shared:
                taken[name] = Taken(None, one_line(f"{lacking[0].path.name} lacks it"))
    return taken


# --- header line ----------------------------------------------------------------------------------

# Whether the first line of a CSV file holds names of columns, or is a record itself.

SENTENCE = 6  # words of a name that could be a value
SHOWN = 60  # characters
LINE = "put a line with the columns' names before it"


def is_delimited(table: Table) -> bool:
    return table.format == "csv" and len(table.columns) > 1


def is_sentence(name: str) -> bool:
    return len(words(name)) >= SENTENCE
