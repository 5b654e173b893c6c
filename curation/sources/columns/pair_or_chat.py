"""What rows are made of: a prompt and a completion, or a conversation; or why nobody can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curation.sources.chats.chat_shapes import conversation
from curation.sources.chats.turns import pairs
from curation.sources.columns.answer_columns import feedback
from curation.sources.columns.chat_columns import find_chat, one_turn_a_row
from curation.sources.columns.choices import Choice, Found
from curation.sources.columns.pair_choice import find_pair
from curation.sources.columns.profiles.column_profile import ColumnProfile
from curation.sources.columns.wanted import Wanted

CONSTANT = ("system", "instruction", "question")


def find_rows(columns: Sequence[ColumnProfile], made: Mapping[str, str], given: Wanted) -> Found:
    """The choices; `made` holds the columns that were made of others."""
    if given.messages is not None:
        return Found((Choice(messages=given.messages),))
    own = [c for c in columns if c.name in given.columns or may_be_read(c, made)]
    pair = find_pair(own, given)
    if given.prompt or given.completion:
        return pair
    chat = find_chat(columns)
    better = find_preferences(own, given)
    if better.unsure and not is_called_chat(chat, columns):
        return Found((*better.choices, *pair.choices, *chat.choices), better.unsure)
    if chat.choices and pair.sure and not names_class(pair.sure, columns):
        return pair_beside_chat(pair, chat, columns, made)
    if chat.choices:
        return Found(chat.choices, feedback(columns))
    return pair if pair.sure else half_read(columns) or pair


def half_read(columns: Sequence[ColumnProfile]) -> Found | None:
    """Conversations of which most cannot be read, and turns that stand in rows of their own."""
    for column in columns:
        if column.kind == "lists" and column.chats:
            why = f"most rows of `{column.name}` cannot be read ({column.no_chat})"
            return Found((Choice(messages=column.name),), why)
    turn = one_turn_a_row(columns)
    return Found((), turn) if turn else None


def may_be_read(column: ColumnProfile, made: Mapping[str, str]) -> bool:
    """Neither made of others nor one text in all rows, which is a system prompt."""
    return column.name not in made and not is_constant_text(column)


def is_constant_text(column: ColumnProfile) -> bool:
    return column.is_text and column.is_constant and column.says.text_role in CONSTANT


def find_preferences(columns: Sequence[ColumnProfile], given: Wanted) -> Found:
    """The better ones of pairs of answers: nobody but their owner can say that they are meant."""
    better = [c for c in columns if c.role == "chosen"]
    worse = [f" and `{c.name}` the worse" for c in columns if c.role == "rejected"]
    if not better:
        return Found(())
    name = better[0].name
    why = f"`{name}` holds the better{''.join(worse[:1])} of two answers to a prompt"
    if better[0].kind == "conversations":
        return Found((Choice(messages=name),), why)
    if not better[0].is_text:
        return Found((), f"{why}, as {better[0].kind}, which are not read")
    return Found(find_pair(columns, replace(given, completion=name)).choices, why)


def is_called_chat(chat: Found, columns: Sequence[ColumnProfile]) -> bool:
    names = {c.name for c in columns if c.role == "chat"}
    return chat.sure is not None and chat.sure.messages in names


def names_class(pair: Choice, columns: Sequence[ColumnProfile]) -> bool:
    return any(c.name == pair.completion and c.role == "label" for c in columns)


def pair_beside_chat(
    pair: Found, chat: Found, columns: Sequence[ColumnProfile], made: Mapping[str, str]
) -> Found:
    """The pair, where the conversations are nothing but its prompts and completions again."""
    again = [c for c in columns if c.name in {choice.messages for choice in chat.choices}]
    if all(c.name in made and is_single_turn(c) for c in again):
        return pair
    return Found((*pair.choices, *chat.choices), "there are conversations beside a pair")


def is_single_turn(column: ColumnProfile) -> bool:
    """Whether hardly any conversation has more than one answer."""
    answers = [answer_count(value) for value in column.sample]
    return sum(count > 1 for count in answers) <= 0.05 * len(answers)


def answer_count(value: object) -> int:
    try:
        return len(pairs(conversation(value), "every").pairs)
    except ValueError:
        return 0
