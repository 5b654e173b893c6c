"""What rows are made of: a prompt and a completion, or a conversation; or why nobody can tell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from curation.sources.chats.chat_shapes import conversation
from curation.sources.chats.turns import ROLES, Pairs, Turns, pairs
from curation.sources.columns.choices import ColumnChoice, FittingColumns, NamedColumns
from curation.sources.columns.column_profile import ColumnProfile
from curation.sources.columns.pair_choice import feedback, find_pair
from project.records.data import counted
from project.untrusted_input import one_line

CONSTANT = ("system", "instruction", "question")


def find_rows(columns: Sequence[ColumnProfile], given: NamedColumns) -> FittingColumns:
    """The choices that there are."""
    if given.messages is not None:
        return FittingColumns((ColumnChoice(messages=given.messages),))
    free = [c for c in columns if not (c.plain or is_constant_text(c))]
    own = [c for c in columns if c.name in given.columns or c in free]
    pair = find_pair(own, given)
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
    better = find_preferences(own, given)
    if better.unsure and not is_called_chat(chat, columns):
        return FittingColumns((*better.choices, *pair.choices, *chat.choices), better.unsure)
    classes = [c.name for c in columns if c.role == "label"]
    if chat.choices and pair.sure and pair.sure.completion not in classes:
        by_name = {c.name: c for c in columns}
        answer = by_name[pair.sure.completion or ""]
        if all(repeats(by_name[one.messages or ""], answer) for one in chat.choices):
            return pair
        why = "there are conversations beside a pair"
        return FittingColumns((*pair.choices, *chat.choices), why)
    if chat.choices:
        return FittingColumns(chat.choices, feedback(columns))
    return pair if pair.sure else half_read(columns) or pair


def half_read(columns: Sequence[ColumnProfile]) -> FittingColumns | None:
    """Conversations of which most cannot be read, and turns that stand in rows of their own."""
    for column in columns:
        if column.kind == "lists" and column.chats:
            why = f"most rows of `{column.name}` cannot be read ({column.no_chat})"
            return FittingColumns((ColumnChoice(messages=column.name),), why)
    turn = one_turn_a_row(columns)
    return FittingColumns((), turn) if turn else None


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


def is_called_chat(chat: FittingColumns, columns: Sequence[ColumnProfile]) -> bool:
    names = {c.name for c in columns if c.role == "chat"}
    return chat.sure is not None and chat.sure.messages in names


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

# Which column holds conversations, and what its owner should know about them.

SAME = 0.05  # of the conversations; when more end in the same words, these teach nothing


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


def chat_notes(name: str, values: Sequence[Any], turns: Turns) -> tuple[str, ...]:
    """What is left out of the conversations, and what their answers are worth."""
    read: list[list[Any]] = []
    reasons: list[str] = []
    for value in values:
        try:
            read.append(conversation(value))
        except ValueError as error:
            reasons.append(str(error))
    last = [pairs(turn, "last") for turn in read]
    every = [pairs(turn, "every") for turn in read]
    notes = (
        unread_note(name, len(values), reasons),
        same_note(last),
        every_note(last, every, turns),
    )
    return tuple(note for note in notes if note)


def unread_note(name: str, rows: int, reasons: Sequence[str]) -> str | None:
    if not reasons:
        return None
    reason, count = Counter(reasons).most_common(1)[0]
    times = f", {count:,} of them" if count < len(reasons) else ""
    return f"{len(reasons):,} of {rows:,} conversations cannot be read{times}: {reason}"


def same_note(found: Sequence[Pairs]) -> str | None:
    """A note that many conversations end in the same words."""
    answers = [answer.content.strip() for one in found for _, answer in one.pairs]
    if not answers:
        return None
    text, count = Counter(answers).most_common(1)[0]
    if count <= max(1, SAME * len(answers)):
        return None
    shown = one_line(text)[:40]
    return f'{count:,} of {len(answers):,} conversations end with "{shown}", which teaches nothing'


def every_note(last: Sequence[Pairs], every: Sequence[Pairs], turns: Turns) -> str | None:
    few, many = (sum(len(one.pairs) for one in found) for found in (last, every))
    if many <= few or turns == "every":
        return None
    return (
        f"only the last answer of each is learnt, {counted(few, 'row')}: --turns every takes every"
        f" answer, {counted(many, 'row')}"
    )
