"""What rows are made of: a prompt and a completion, or a conversation; or why nobody can tell."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from curation.sources.chat_shapes import conversation
from curation.sources.columns.choices import ColumnChoice, FittingColumns, feedback, find_pair
from curation.sources.columns.column_profile import ColumnProfile
from curation.sources.table_rows import NamedColumns
from curation.sources.turns import ROLES, Turns, pairs
from project.records.data import counted

CONSTANT = ("system", "instruction", "question")


def find_rows(columns: Sequence[ColumnProfile], given: NamedColumns) -> FittingColumns:
    """The choices that there are."""
    if given.messages is not None:
        return FittingColumns((ColumnChoice(messages=given.messages),))
    free = [c for c in columns if not (c.plain or is_constant_text(c))]
    usable = [c for c in columns if c.name in given.columns or c in free]
    pair = find_pair(usable, given)
    if given.prompt or given.completion:
        return pair
    # The columns that hold conversations; the one that is called so goes before others.
    chats = [
        c for c in columns if c.kind == "conversations" and c.role not in ("chosen", "rejected")
    ]
    named = [c for c in chats if c.role == "chat"]
    chat = FittingColumns(
        tuple(ColumnChoice(messages=c.name) for c in (named if len(named) == 1 else chats))
    )
    better = find_preferences(usable, given)
    called = chat.sure is not None and chat.sure.messages in {c.name for c in named}
    if better.unsure and not called:
        return FittingColumns((*better.choices, *pair.choices, *chat.choices), better.unsure)
    classes = [c.name for c in columns if c.role == "label"]
    if chat.choices and pair.sure and pair.sure.completion not in classes:
        by_name = {c.name: c for c in columns}
        answer = by_name[pair.sure.completion or ""]
        if all(repeats(by_name[choice.messages or ""], answer) for choice in chat.choices):
            return pair
        why = "there are conversations beside a pair"
        return FittingColumns((*pair.choices, *chat.choices), why)
    if chat.choices:
        return FittingColumns(chat.choices, feedback(columns))
    if pair.sure:
        return pair
    for column in columns:
        if column.kind == "lists" and column.chats:
            why = f"most rows of `{column.name}` cannot be read ({column.no_chat})"
            return FittingColumns((ColumnChoice(messages=column.name),), why)
    turn = one_turn_a_row(columns)
    return FittingColumns((), turn) if turn else pair


def is_constant_text(column: ColumnProfile) -> bool:
    """Whether it has one text in all rows, which is a system prompt."""
    return column.is_text and column.is_constant and column.says.text_role in CONSTANT


def find_preferences(columns: Sequence[ColumnProfile], given: NamedColumns) -> FittingColumns:
    """The better ones of pairs of answers: nobody but their owner can say that they are meant."""
    better = [c for c in columns if c.role == "chosen"]
    worse = [f" and `{c.name}` the worse" for c in columns if c.role == "rejected"]
    if not better:
        return FittingColumns(())
    name = better[0].name
    why = f"`{name}` holds the better{''.join(worse[:1])} of two answers to a prompt"
    if better[0].kind == "conversations":
        return FittingColumns((ColumnChoice(messages=name),), why)
    if not better[0].is_text:
        return FittingColumns((), f"{why}, as {better[0].kind}, which are not read")
    return FittingColumns(find_pair(columns, replace(given, completion=name)).choices, why)


def repeats(chat: ColumnProfile, answer: ColumnProfile) -> bool:
    """Whether hardly any conversation holds more than the one answer of its row."""
    answers = map(answers_in, chat.sample)
    same = [told == [text] for told, text in zip(answers, answer.texts, strict=True) if text]
    return sum(same) >= 0.95 * len(same)


def answers_in(value: object) -> list[str]:
    try:
        every = pairs(conversation(value), "every").pairs
    except ValueError:
        return []
    return [answer.content.strip() for _, answer in every]


# --- chat columns ---------------------------------------------------------------------------------


def one_turn_a_row(columns: Sequence[ColumnProfile]) -> str | None:
    """Why a table whose rows are single turns is not read; None for any other."""
    for column in columns:
        roles = {ROLES.get(value.strip().casefold()) for value in column.counts}
        if {"user", "assistant"} <= roles and None not in roles:
            return (
                f"each row is one turn (`{column.name}`: {', '.join(sorted(column.counts))}):"
                " write the turns of a conversation into one row, as a list `messages`"
            )
    return None


def chat_notes(name: str, values: Sequence[Any], turns: Turns) -> Iterator[str]:
    """What is left out of the conversations, and how many answers there are to learn."""
    read: list[list[Any]] = []
    reasons = Counter[str]()
    for value in values:
        try:
            read.append(conversation(value))
        except ValueError as error:
            reasons[str(error)] += 1
    if unread := reasons.total():
        reason, count = reasons.most_common(1)[0]
        times = f", {count:,} of them" if count < unread else ""
        yield f"{unread:,} of {len(values):,} conversations cannot be read{times}: {reason}"
    few, many = (sum(len(pairs(turn, kind).pairs) for turn in read) for kind in ("last", "every"))
    if many > few and turns == "last":
        yield (
            f"only the last answer of each is learnt, {counted(few, 'row')}: --turns every takes"
            f" every answer, {counted(many, 'row')}"
        )
